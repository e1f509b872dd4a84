import type { ApiClient } from '../../../cli/api-client.ts';
import { silentLog } from '../../../core/log.ts';
import type { HolderItem } from '../../../core/model.ts';
import type { CellsView, DrainCellAnswer } from '../../../core/routes/drain-rules.ts';
import { tellDrain } from '../../../lambda/commands/tell-drain.ts';
import { drainingCell } from '../../../lambda/connections/draining.ts';
import { startLocalCloud, type TestCloud } from '../../support/local-cloud.ts';
import { operatorApi } from '../../support/operator-api.ts';
import { memoryHolders, MemoryStores } from '../../support/memory-stores.ts';
import {
  activateGateway,
  connect,
  dialToken,
  TestConnection,
  type TestGateway,
} from '../../support/test-gateway.ts';

describe('a cell that is being emptied', () => {
  let cloud: TestCloud;
  let api: ApiClient;
  let gateway: TestGateway;
  let held: TestConnection;
  const connections: TestConnection[] = [];

  beforeAll(async () => {
    cloud = await startLocalCloud();
    const endpoint = cloud.urls['holdfast-home']!['ApiUrl']!.replace(/\/+$/, '');
    api = operatorApi(cloud);
    const { code } = await api.call('createActivationCode', { body: {} });
    gateway = await activateGateway(endpoint, code);
    held = await connect(gateway, 'cell-2', 'j1');
    connections.push(held);
  });
  afterAll(async () => {
    for (const connection of connections) connection.close();
    await cloud.stop();
  });
  const drain = (cellId: string, body: object = {}) =>
    api.operator<DrainCellAnswer>(`/cells/${cellId}/drain`, {}, { method: 'POST', body });

  it('tells its connections to go elsewhere, as often as it is asked', async () => {
    expect(await drain('cell-2', { deadlineMs: 60_000 })).toEqual({ cellId: 'cell-2', told: 1, gone: 0 });
    expect((await held.next('drain')).body.deadlineMs).toBe(60_000);
    expect(await drain('cell-2')).toMatchObject({ told: 1 });
    await held.next('drain');
  });

  it('lets nobody in, while the others do', async () => {
    // What the authorizer saw before it was marked counts for some seconds.
    const dial = async () =>
      TestConnection.open(gateway.cells['cell-2']!, await dialToken(gateway, 'cell-2'));
    let refusal: unknown;
    while (refusal === undefined)
      await dial().then(
        (late) => late.close(),
        (thrown: unknown) => (refusal = thrown),
      );
    expect(String(refusal)).toMatch(/40[13]/);
    const elsewhere = await connect(gateway, 'cell-1', 'j1');
    connections.push(elsewhere);
    await held.next('superseded');
    expect(await drain('cell-2')).toMatchObject({ told: 0 });
  });

  it('is shown as one, and the last that lets gateways in cannot become one', async () => {
    const { cells } = await api.operator<CellsView>('/cells');
    expect(cells.map(({ cellId, draining }) => [cellId, draining !== undefined])).toEqual([
      ['cell-1', false],
      ['cell-2', true],
    ]);
    await expect(drain('cell-1')).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(drain('cell-9')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(drain('cell-2', { deadlineMs: 1 })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  });

  it('is an open one again when that is undone', async () => {
    await api.operator('/cells/cell-2/drain', {}, { method: 'DELETE' });
    const { cells } = await api.operator<CellsView>('/cells');
    expect(cells.every(({ draining }) => draining === undefined)).toBe(true);
    expect(await drain('cell-1')).toMatchObject({ told: 1 });
  });
});

const holder = (gatewayId: string, more: Partial<HolderItem> = {}): HolderItem => ({
  gatewayId,
  connectionId: `c-${gatewayId}`,
  epoch: 1,
  bootId: 'b',
  journalId: 'j',
  connectedAt: 0,
  expiresAtSec: 1_000,
  ...more,
});

it('tells at a bounded rate for as long as there is time, and says where to go on', async () => {
  let now = 0;
  const rows = ['gw-1', 'gw-2', 'gw-3', 'gw-4'].map((id) =>
    holder(id, id === 'gw-2' ? { expiresAtSec: 0 } : {}),
  );
  const items = new Map(rows.map((row) => [row.gatewayId, row]));
  const posted: [string, number][] = [];
  const deps = {
    gateways: new MemoryStores().gatewayStore(),
    holders: memoryHolders(items),
    rows: async function* (after: string | undefined) {
      yield* rows.filter(({ gatewayId }) => after === undefined || gatewayId > after);
    },
    connections: {
      post: async (connectionId: string) => {
        posted.push([connectionId, now]);
        return connectionId === 'c-gw-3' ? ('gone' as const) : ('sent' as const);
      },
      close: async () => undefined,
    },
    clock: { now: () => now, newId: () => 'id' },
    pause: async (ms: number) => void (now += ms),
    log: silentLog,
  };
  const request = { drain: { deadlineMs: 60_000 } };
  expect(await tellDrain(deps, request, 60)).toEqual({ told: 1, gone: 1, next: 'gw-3' });
  expect(posted).toEqual([
    ['c-gw-1', 0],
    ['c-gw-3', 40],
  ]);
  expect(items.has('gw-3')).toBe(false);
  expect(await tellDrain(deps, request, now)).toMatchObject({ told: 1, next: 'gw-1' });
  expect(await tellDrain(deps, { drain: { ...request.drain, after: 'gw-3' } }, 1_000)).toEqual({
    told: 1,
    gone: 0,
  });
});

it('looks once in ten seconds whether it is being emptied, and lets gateways in where it cannot see', async () => {
  let now = 0;
  let reads = 0;
  let isBroken = false;
  const draining: Record<string, { since: number; by: string }> = {};
  const cells = {
    get: async () => {
      reads += 1;
      if (isBroken) throw new Error('throttled');
      return { scope: 'fleet', version: 1, draining };
    },
    update: async () => undefined,
  };
  const isDraining = drainingCell(cells, { cellId: 'cell-1', clock: { now: () => now, newId: () => 'id' } });
  expect(await isDraining(silentLog)).toBe(false);
  draining['cell-1'] = { since: 0, by: 'op' };
  now = 9_999;
  expect([await isDraining(silentLog), reads]).toEqual([false, 1]);
  now = 10_000;
  expect([await isDraining(silentLog), reads]).toEqual([true, 2]);
  isBroken = true;
  now = 20_000;
  expect(await isDraining(silentLog)).toBe(false);
});
