import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from '@jest/globals';
import { newGateway } from '../../../core/identity/activation.ts';
import type { GatewayItem, StatusItem } from '../../../core/model.ts';
import {
  confirmGateway,
  labelGateway,
  renameGateway,
  revokeGateway,
} from '../../../lambda/api/change-gateways.ts';
import { fleetGateways, getGateway, listGateways } from '../../../lambda/api/show-gateways.ts';
import { startDynamo, type TestDynamo } from '../../support/dynamo.ts';
import { apiFixture, request, type ApiFixture } from './api-fixture.ts';

let dynamo: TestDynamo;
let api: ApiFixture;
beforeAll(async () => {
  dynamo = await startDynamo();
});
afterAll(() => dynamo.close());
beforeEach(async () => {
  api = await apiFixture(dynamo);
});

const route = {
  epoch: 7,
  cellId: 'cell-1',
  connectionId: 'c-1',
  bootId: 'b',
  journalId: 'j',
  connectedAt: 1_000,
};
async function seed(gatewayId: string, tenantId: string, more: Partial<GatewayItem> = {}): Promise<void> {
  const code = { codeHash: 'h', tenantId, createdAt: 0, expiresAt: 0, createdBy: 'o' };
  await api.gateways.put({ ...newGateway(code, 'key', 0), gatewayId, ...more });
}
const fleet = (query: Record<string, string> = {}) => ({ ...request('', { query }), tenantId: undefined });

describe('list', () => {
  it('shows a tenant its own gateways alone, in order', async () => {
    await seed('gw-b', 'acme');
    await seed('gw-a', 'acme', { name: 'Oslo 1' });
    await seed('gw-c', 'other');
    const { gateways, next } = await listGateways(api, request('acme'));
    expect(gateways.map(({ gatewayId, name }) => [gatewayId, name])).toEqual([
      ['gw-a', 'Oslo 1'],
      ['gw-b', undefined],
    ]);
    expect(next).toBeUndefined();
    expect(JSON.stringify(gateways)).not.toContain('publicKey');
  });

  it('goes on where a page ended, for a tenant and for the fleet', async () => {
    const ids = Array.from({ length: 130 }, (_, i) => `gw-${String(i).padStart(4, '0')}`);
    await Promise.all(ids.map((gatewayId) => seed(gatewayId, 'acme')));
    const first = await listGateways(api, request('acme'));
    const second = await listGateways(api, request('acme', { query: { next: first.next ?? '' } }));
    expect([...first.gateways, ...second.gateways].map(({ gatewayId }) => gatewayId)).toEqual(ids);
    expect(second.next).toBeUndefined();
    const all = await fleetGateways(api, fleet());
    const rest = await fleetGateways(api, fleet({ next: all.next ?? '' }));
    expect(new Set([...all.gateways, ...rest.gateways].map(({ gatewayId }) => gatewayId))).toEqual(
      new Set(ids),
    );
  });

  it.each(['', 'no page', 'x'.repeat(65)])('goes on only where a page ended: %j', async (next) => {
    const refused = { code: 'INVALID_INPUT' };
    await expect(listGateways(api, request('acme', { query: { next } }))).rejects.toMatchObject(refused);
    await expect(fleetGateways(api, fleet({ next }))).rejects.toMatchObject(refused);
  });

  it('leaves revoked ones out and says how many, unless all are asked for', async () => {
    await seed('gw-a', 'acme', { status: 'revoked' });
    await seed('gw-b', 'acme', { status: 'pending' });
    await seed('gw-c', 'acme');
    const listed = async (query?: Record<string, string>) => {
      const pages = [
        await listGateways(api, request('acme', query && { query })),
        await fleetGateways(api, fleet(query)),
      ];
      return pages.map(({ gateways, hiddenCount }) => [
        gateways.map(({ gatewayId }) => gatewayId).sort(),
        hiddenCount,
      ]);
    };
    const current = [['gw-b', 'gw-c'], 1];
    expect(await listed()).toEqual([current, current]);
    expect(await listed({ status: 'current' })).toEqual([current, current]);
    const all = [['gw-a', 'gw-b', 'gw-c'], 0];
    expect(await listed({ status: 'all' })).toEqual([all, all]);
  });

  it('goes on behind a page of which nothing is shown', async () => {
    const ids = Array.from({ length: 101 }, (_, i) => `gw-${String(i).padStart(4, '0')}`);
    const last = ids.at(-1)!;
    await Promise.all(
      ids.map((gatewayId) => seed(gatewayId, 'acme', { status: gatewayId === last ? 'active' : 'revoked' })),
    );
    const first = await listGateways(api, request('acme'));
    expect(first).toMatchObject({ gateways: [], hiddenCount: 100 });
    const second = await listGateways(api, request('acme', { query: { next: first.next ?? '' } }));
    expect(second).toMatchObject({ gateways: [{ gatewayId: last }], hiddenCount: 0 });
  });

  it('takes no other status', async () => {
    const query = { status: 'active' };
    const refused = { code: 'INVALID_INPUT', message: 'status "active" is neither current nor all' };
    await expect(listGateways(api, request('acme', { query }))).rejects.toMatchObject(refused);
    await expect(fleetGateways(api, fleet(query))).rejects.toMatchObject(refused);
  });

  it('tells operators about every tenant', async () => {
    await seed('gw-a', 'acme');
    await seed('gw-c', 'other');
    const { gateways } = await fleetGateways(api, fleet());
    expect(gateways.map(({ tenantId }) => tenantId).sort()).toEqual(['acme', 'other']);
  });
});

describe('get', () => {
  it('says where a gateway is connected and when it was last heard', async () => {
    api.at = 3_000;
    await seed('gw-a', 'acme', { route });
    const heartbeat = { bootId: 'b', seq: 1 } as StatusItem['heartbeat'];
    await api.status.put({
      gatewayId: 'gw-a',
      tenantId: 'acme',
      heartbeat,
      receivedAt: 2_000,
      clockSkewMs: -3,
      epoch: 7,
      cellId: 'cell-1',
    });
    const { gateway } = await getGateway(api, request('acme', { params: { gatewayId: 'gw-a' } }));
    expect(gateway).toMatchObject({
      connection: { state: 'connected', cellId: 'cell-1', since: 1_000 },
      lastSeenAt: 2_000,
      clockSkewMs: -3,
      heartbeat,
    });
  });

  it('does not take the route of a cell that died for a connection', async () => {
    await seed('gw-a', 'acme', { route });
    const heard = async (at: number) => {
      api.at = at;
      return (await getGateway(api, request('acme', { params: { gatewayId: 'gw-a' } }))).gateway.connection;
    };
    const lostAt = route.connectedAt + 2.5 * api.heartbeatIntervalMs;
    expect(await heard(lostAt - 1)).toMatchObject({ state: 'connected' });
    expect(await heard(lostAt)).toEqual({ state: 'disconnected', since: lostAt });
  });

  it.each(['gw-c', 'gw-nobody'])(
    'answers for %s, which is not the tenant’s, as for one that does not exist',
    async (gatewayId) => {
      await seed('gw-c', 'other');
      await expect(getGateway(api, request('acme', { params: { gatewayId } }))).rejects.toMatchObject({
        code: 'NOT_FOUND',
        message: `there is no gateway ${gatewayId}`,
      });
    },
  );
});

describe('rename', () => {
  it('changes the name', async () => {
    await seed('gw-a', 'acme');
    const renamed = await renameGateway(
      api,
      request('acme', { params: { gatewayId: 'gw-a' }, body: { name: 'Rome' } }),
    );
    expect(renamed.gateway.name).toBe('Rome');
  });

  it('neither changes nor creates what is not the tenant’s', async () => {
    await seed('gw-c', 'other', { name: 'Paris' });
    for (const gatewayId of ['gw-c', 'gw-nobody'])
      await expect(
        renameGateway(api, request('acme', { params: { gatewayId }, body: { name: 'Rome' } })),
      ).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await api.gateways.get({ gatewayId: 'gw-c' })).toMatchObject({ name: 'Paris' });
    expect(await api.gateways.get({ gatewayId: 'gw-nobody' })).toBeUndefined();
  });
});

describe('revoke', () => {
  it('takes status and route away, then closes the connection wherever it is', async () => {
    await seed('gw-a', 'acme', { route });
    const { gateway } = await revokeGateway(api, request('acme', { params: { gatewayId: 'gw-a' } }));
    expect(gateway).toMatchObject({
      status: 'revoked',
      connection: { state: 'disconnected', since: api.at },
    });
    const stored = await api.gateways.get({ gatewayId: 'gw-a' });
    expect(stored).toMatchObject({ status: 'revoked' });
    expect(stored).not.toHaveProperty('route');
    expect(api.invoked).toEqual(
      ['cell-1', 'cell-2'].map((cellId) => ({
        functionName: `holdfast-${cellId}-deliver`,
        payload: { gatewayId: 'gw-a', frames: [], then: 'close' },
      })),
    );
  });

  it('holds although a cell does not answer, and may be repeated to close what is left', async () => {
    await seed('gw-a', 'acme', { route });
    const asked = request('acme', { params: { gatewayId: 'gw-a' } });
    await revokeGateway({ ...api, invoke: () => Promise.reject(new Error('cell is down')) }, asked);
    expect(await api.gateways.get({ gatewayId: 'gw-a' })).toMatchObject({ status: 'revoked' });
    expect(asked.logged.filter(({ event }) => event === 'gateway.close_failed')).toHaveLength(2);
    await revokeGateway(api, asked);
    expect(api.invoked).toHaveLength(2);
  });

  it('holds although the commands cannot be ended, which the sweeper then does', async () => {
    await seed('gw-a', 'acme', { grants: { c1: 'j' } });
    const asked = request('acme', { params: { gatewayId: 'gw-a' } });
    const commands = { ...api.commands, listOpen: () => Promise.reject(new Error('throttled')) };
    const { gateway } = await revokeGateway({ ...api, commands }, asked);
    expect(gateway.status).toBe('revoked');
    expect(await api.gateways.get({ gatewayId: 'gw-a' })).toMatchObject({ grants: {} });
    expect(asked.logged.map(({ event }) => event)).toContain('gateway.commands_left');
  });

  it('leaves another tenant’s gateway alone', async () => {
    await seed('gw-c', 'other', { route });
    await expect(
      revokeGateway(api, request('acme', { params: { gatewayId: 'gw-c' } })),
    ).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    expect(await api.gateways.get({ gatewayId: 'gw-c' })).toMatchObject({ status: 'active', route });
    expect(api.invoked).toEqual([]);
  });
});

test('labels, a confirmation and a revocation are news of a gateway; its name is none', async () => {
  await seed('gw-a', 'acme', { status: 'pending' });
  const of = { params: { gatewayId: 'gw-a' } };
  const newsAt = async () => (await api.gateways.get({ gatewayId: 'gw-a' }))?.newsAt;
  const changes: [() => Promise<unknown>, boolean][] = [
    [() => renameGateway(api, { ...request('acme', of), body: { name: 'Oslo' } }), false],
    [() => labelGateway(api, { ...request('acme', of), body: { site: 'Oslo' } }), true],
    [() => confirmGateway(api, request('acme', of)), true],
    [() => revokeGateway(api, request('acme', of)), true],
  ];
  for (const [change, isNews] of changes) {
    await api.gateways.update({ gatewayId: 'gw-a' }, 'SET #newsAt = :at', { values: { ':at': 1 } });
    await change();
    expect(await newsAt()).toBe(isNews ? api.now() : 1);
  }
});
