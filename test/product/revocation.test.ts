import { readFileSync } from 'node:fs';
import type { ApiClient } from '../../cli/api-client.ts';
import { until } from '../../cli/demo/processes.ts';
import type { CommandView } from '../../core/api.ts';
import { upstreamBodies, type UpstreamType } from '../../core/messages.ts';
import { gatewaysTable } from '../../lambda/aws/tables.ts';
import { startLocalCloud, type TestCloud } from '../support/local-cloud.ts';
import { operatorApi } from '../support/operator-api.ts';
import { localTables, type LocalTables } from '../support/local-tables.ts';
import {
  activateGateway,
  connect,
  dialToken,
  TestConnection,
  type TestGateway,
} from '../support/test-gateway.ts';

/** What a gateway that was revoked can still do: nothing, whatever it says and however it is connected. */
let cloud: TestCloud;
let tables: LocalTables;
let api: ApiClient;
const connections: TestConnection[] = [];

beforeAll(async () => {
  // A minute of the schedules is a second here.
  cloud = await startLocalCloud({ scheduleScale: 60 });
  tables = localTables(cloud);
  api = operatorApi(cloud);
}, 180_000);
afterEach(() => {
  for (const connection of connections.splice(0)) connection.close();
});
afterAll(async () => {
  tables?.close();
  await cloud?.stop();
});

const home = (): string => cloud.urls['holdfast-home']!['ApiUrl']!;
async function newGateway(): Promise<TestGateway> {
  const { code } = await api.call('createActivationCode', { body: {} });
  return activateGateway(home(), code);
}
const kept = (connection: TestConnection): TestConnection => {
  connections.push(connection);
  return connection;
};
const open = async (gateway: TestGateway, cellId: string): Promise<TestConnection> =>
  kept(await TestConnection.open(gateway.cells[cellId]!, await dialToken(gateway, cellId)));
const routed = async (gateway: TestGateway, cellId: string, journalId = 'j1'): Promise<TestConnection> =>
  kept(await connect(gateway, cellId, journalId));
const revoke = ({ gatewayId }: TestGateway) => api.call('revokeGateway', { params: { gatewayId } });
const read = async ({ gatewayId, commandId }: CommandView): Promise<CommandView> =>
  (await api.call('getCommand', { params: { gatewayId, commandId } })).command;
const submit = async ({ gatewayId }: TestGateway, body: object): Promise<CommandView> =>
  (await api.call('submitCommand', { params: { gatewayId }, body })).command;
/** Without the holder rows, which go with their connections. */
async function itemsOf({ gatewayId }: TestGateway): Promise<[table: string, items: string[]][]> {
  const all = Object.entries(await tables.everything()).filter(([table]) => !table.includes('/Connections'));
  return all.map(([table, items]) => [table, items.filter((item) => item.includes(gatewayId))]);
}

/** A revocation that died behind its first write: nobody closed anything. */
async function revokeWithoutClosing({ gatewayId }: TestGateway): Promise<void> {
  const change = 'SET #status = :revoked REMOVE #route';
  const values = { ':revoked': 'revoked' };
  await gatewaysTable(tables.named('Gateways'), tables.client).update({ gatewayId }, change, { values });
}

/** The protocol's own example of each message: docs/protocol.md has one for every type there is. */
const page = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
const examples = new Map(
  page
    .match(/^\{"v":.*$/gm)!
    .map((line) => JSON.parse(line) as { t: string; body: object })
    .reverse() // The gateway's own come first on the page, and so last here.
    .map(({ t, body }) => [t, body]),
);
/** Nothing follows from these, whoever sends them: they are noted in the log. */
const notes: ReadonlySet<string> = new Set(['bye', 'probe.ok', 'reject']);

/** How a gateway can be connected when it is revoked. */
const states: Record<string, (gateway: TestGateway) => Promise<TestConnection>> = {
  'has not said hello': (gateway) => open(gateway, 'cell-1'),
  'is the route': (gateway) => routed(gateway, 'cell-1'),
  'was superseded by one of the same cell': (gateway) => superseded(gateway, 'cell-1'),
  'was superseded by one of another cell': (gateway) => superseded(gateway, 'cell-2'),
};
async function superseded(gateway: TestGateway, byCellId: string): Promise<TestConnection> {
  const first = await routed(gateway, 'cell-1');
  await routed(gateway, byCellId);
  await first.next('superseded');
  return first;
}

const types = Object.keys(upstreamBodies) as UpstreamType[];
describe.each(Object.entries(states))('a connection that %s', (_, connected) => {
  it.each(types)('has %s refused once its gateway is revoked, and is closed', async (t) => {
    const gateway = await newGateway();
    const connection = await connected(gateway);
    await revokeWithoutClosing(gateway);
    const before = await itemsOf(gateway);
    connection.send(t, examples.get(t)!);
    // What is only noted has no answer of its own: the next frame has.
    if (notes.has(t)) connection.send('cmd.ack', examples.get('cmd.ack')!);
    expect((await connection.next('reject')).body.code).toBe('REVOKED');
    await connection.closed;
    expect(connection.pending('creds')).toEqual([]);
    expect(await itemsOf(gateway)).toEqual(before);
  });
});

it('ends every connection that holds a route, and lets none in again', async () => {
  const gateway = await newGateway();
  const connection = await routed(gateway, 'cell-2');
  const dials = await Promise.all(['cell-1', 'cell-2'].map((cellId) => dialToken(gateway, cellId)));
  await revoke(gateway);
  await connection.closed;
  for (const [index, dial] of dials.entries()) {
    const url = gateway.cells[`cell-${index + 1}`]!;
    await expect(TestConnection.open(url, dial)).rejects.toThrow(/403/);
  }
});

describe('the commands of a gateway that is revoked', () => {
  it('end at once, and say why and whether they may have been done', async () => {
    const gateway = await newGateway();
    const connection = await routed(gateway, 'cell-1');
    const onVolume = (kind: string, volumeId: string) => submit(gateway, { kind, params: { volumeId } });
    const acked = await onVolume('volume.check', 'acked');
    await ackNext(connection);
    const running = await onVolume('snapshot.create', 'running');
    const { commandId, attempt } = await ackNext(connection);
    await connection.next('cmd.go');
    connection.send('cmd.progress', { commandId, attempt, fraction: 0.5 });
    await until('the progress', 10_000, async () =>
      (await read(running)).state === 'RUNNING' ? true : undefined,
    );
    const sent = await onVolume('volume.check', 'sent');
    const notStarted = await onVolume('snapshot.create', 'not-started');
    const queued = await onVolume('volume.check', 'not-started');
    expect([sent.state, notStarted.state, queued.state]).toEqual(['SENT', 'SENT', 'QUEUED']);
    await revoke(gateway);
    const ends = await Promise.all([acked, running, sent, notStarted, queued].map(read));
    expect(ends.map(({ state }) => state)).toEqual([
      ...['INDETERMINATE', 'INDETERMINATE', 'INDETERMINATE'],
      ...['CANCELED', 'CANCELED'],
    ]);
    for (const { outcome, audit, endedAt } of ends) {
      expect(outcome?.error).toMatchObject({
        code: 'GONE',
        message: expect.stringContaining('revoked') as string,
      });
      expect(audit.at(-1)).toMatchObject({ note: 'the gateway was revoked' });
      expect(endedAt).toBeDefined();
    }
    const item = await gatewaysTable(tables.named('Gateways'), tables.client).get({
      gatewayId: gateway.gatewayId,
    });
    expect(item?.grants).toEqual({});
  });

  async function ackNext(connection: TestConnection): Promise<{ commandId: string; attempt: number }> {
    const { commandId, attempt } = (await connection.next('cmd')).body;
    connection.send('cmd.ack', { commandId, attempt, journalId: 'j1' });
    return { commandId, attempt };
  }
});
