import { silentLog } from '../../../core/log.ts';
import { parseDownstream, type Downstream } from '../../../core/messages.ts';
import type { ConfigurationItem, GatewayItem, InventoryItem, StatusItem } from '../../../core/model.ts';
import type { Heartbeat, Inventory } from '../../../core/status.ts';
import { rollupKeyOf } from '../../../core/rollups/rollup-item.ts';
import { rollupStart } from '../../../core/rollups/rollup.ts';
import { Table } from '../../../lambda/aws/table.ts';
import { rollupsTable } from '../../../lambda/aws/tables.ts';
import { dynamoConfigurations, dynamoGateways } from '../../../lambda/commands/dynamo-stores.ts';
import { dynamoStatusStore } from '../../../lambda/status/status-store.ts';
import { takeReport } from '../../../lambda/status/take-report.ts';
import { startDynamo, type TestDynamo } from '../../support/dynamo.ts';
import { gatewayItem, heartbeat, t0 } from '../../support/fleet.ts';

let dynamo: TestDynamo;
beforeAll(async () => {
  dynamo = await startDynamo();
});
afterAll(() => dynamo.close());

const socket = { connectionId: 'c1', gatewayId: 'gw-1', tenantId: 'acme', epoch: 7, keyGeneration: 1 };
const inventory = (hash: string): Inventory => ({
  hash,
  hostname: 'h',
  os: 'Debian',
  kernel: '6',
  arch: 'x64',
  cpuModel: 'c',
  cpuCount: 2,
  memoryBytes: 1,
  agentVersion: '1.2.0',
  nodeVersion: '24',
  disks: [],
  interfaces: [],
});

async function cell(gateway: Partial<GatewayItem> = {}) {
  const names = await dynamo.createTables();
  const table = <Item extends { gatewayId: string }>(name: string) =>
    new Table<Item, 'gatewayId'>(name, ['gatewayId'], dynamo.client);
  const gateways = table<GatewayItem>(names.GATEWAYS_TABLE);
  const status = table<StatusItem>(names.STATUS_TABLE);
  const inventories = table<InventoryItem>(names.INVENTORY_TABLE);
  const rollups = rollupsTable(names.ROLLUPS_TABLE, dynamo.client);
  const configurations = table<ConfigurationItem>(names.CONFIGURATIONS_TABLE);
  await gateways.put(gatewayItem(gateway));
  const posted: Downstream[] = [];
  let now = t0;
  const deps = {
    gateways: dynamoGateways(gateways),
    configurations: dynamoConfigurations(configurations),
    store: dynamoStatusStore({ status, inventory: inventories, rollups }),
    cellId: 'cell-1',
    clock: { now: () => now, newId: () => 'id' },
    connections: {
      post: async (_connectionId: string, frame: string) => {
        const parsed = parseDownstream(frame);
        if (parsed.ok) posted.push(parsed.message);
        return 'sent' as const;
      },
      close: async () => undefined,
    },
    log: silentLog,
  };
  const frame = (t: string, body: unknown, over: object = {}) =>
    JSON.stringify({ v: 1, t, id: 'm1', epoch: 7, seq: 1, ts: t0, body, ...over });
  return {
    posted,
    store: deps.store,
    at: (ms: number) => (now = ms),
    raw: (text: string) => takeReport(deps, socket, text),
    send: (beat: Partial<Heartbeat>, over: object = {}) =>
      takeReport(deps, socket, frame('status', { heartbeat: heartbeat(beat) }, over)),
    sendQuietly: (beat: Partial<Heartbeat>) =>
      takeReport(deps, socket, frame('status', { heartbeat: heartbeat(beat), wantsAck: false })),
    sendInventory: (hash: string) =>
      takeReport(deps, socket, frame('inventory', { inventory: inventory(hash) })),
    frameOf: frame,
    storedRollup: (rollupKey: string) => rollups.get({ gatewayId: 'gw-1', rollupKey }),
    stored: () => status.get({ gatewayId: 'gw-1' }),
    storedInventory: () => inventories.get({ gatewayId: 'gw-1' }),
  };
}

/** A status whose metrics are this JSON. */
function statusText(metrics: string): string {
  const body = { heartbeat: heartbeat({ metrics: {} }) };
  const frame = JSON.stringify({ v: 1, t: 'status', id: 'm', epoch: 7, seq: 1, ts: t0, body });
  return frame.replace('"metrics":{}', () => `"metrics":${metrics}`);
}

test('stores a status under the verified identity and acknowledges it', async () => {
  const { send, stored, posted, at } = await cell();
  at(t0 + 400);
  await send({ seq: 3 }, { ts: t0 - 100 });
  expect(await stored()).toEqual({
    gatewayId: 'gw-1',
    tenantId: 'acme',
    heartbeat: heartbeat({ seq: 3 }),
    receivedAt: t0 + 400,
    clockSkewMs: -500,
    epoch: 7,
    cellId: 'cell-1',
  });
  expect(posted).toMatchObject([
    { t: 'status.ack', epoch: 7, body: { bootId: 'boot-1', seq: 3, receivedAt: t0 + 400 } },
  ]);
});

test('a duplicate and an older heartbeat are acknowledged and change nothing', async () => {
  const { send, stored, posted, at } = await cell();
  await send({ seq: 5 });
  at(t0 + 60_000);
  await send({ seq: 5 });
  await send({ seq: 4, sentAt: t0 - 300_000 });
  expect(await stored()).toMatchObject({ heartbeat: { seq: 5 }, receivedAt: t0 });
  expect(posted.map(({ body }) => (body as { seq: number }).seq)).toEqual([5, 5, 4]);
});

test('a status that brings a rollup is acknowledged once both are stored, and not where one is not', async () => {
  const { raw, posted, store, frameOf, storedRollup } = await cell();
  const rollup = { kind: 'half-hour', startsAt: t0, counts: [5], signals: {} };
  await raw(frameOf('status', { heartbeat: heartbeat({ seq: 3 }), rollups: [rollup] }));
  expect(posted).toMatchObject([{ t: 'status.ack', body: { seq: 3 } }]);
  expect(await storedRollup('half-hour#2026-11-22T12:00')).toMatchObject({ counts: [5] });
  store.mergeRollup = () => Promise.reject(new Error('throttled'));
  const again = frameOf('status', { heartbeat: heartbeat({ seq: 4 }), rollups: [rollup] });
  await expect(raw(again)).rejects.toThrow('throttled');
  expect(posted).toHaveLength(1);
});

test('a status that asks for no answer is stored without one', async () => {
  const { sendQuietly, stored, posted } = await cell();
  await sendQuietly({ seq: 3 });
  expect(await stored()).toMatchObject({ heartbeat: { seq: 3 } });
  expect(posted).toEqual([]);
});

test('a status that asks for no answer learns all the same that its connection is not the route', async () => {
  const { sendQuietly, stored, posted } = await cell({ route: undefined });
  await sendQuietly({ seq: 3 });
  expect(await stored()).toBeUndefined();
  expect(posted).toMatchObject([{ t: 'reject', body: { code: 'NO_ROUTE' } }]);
});

test('of two boots the one that was sent later stays, whatever the order of arrival', async () => {
  const { send, stored } = await cell();
  await send({ bootId: 'boot-2', seq: 1, sentAt: t0 });
  await send({ bootId: 'boot-1', seq: 900, sentAt: t0 - 1 });
  expect(await stored()).toMatchObject({ heartbeat: { bootId: 'boot-2' } });
  await send({ bootId: 'boot-3', seq: 1, sentAt: t0 + 1 });
  expect(await stored()).toMatchObject({ heartbeat: { bootId: 'boot-3' } });
});

test('a clock that was set back does not silence a gateway that started and connected anew', async () => {
  const { send, stored, store } = await cell();
  await send({ bootId: 'boot-1', sentAt: t0 });
  const item = (await stored())!;
  const back = heartbeat({ bootId: 'boot-2', seq: 1, sentAt: t0 - 86_400_000 });
  expect(await store.putStatus({ ...item, heartbeat: back })).toBe(false);
  expect(await store.putStatus({ ...item, heartbeat: back, epoch: 8 })).toBe(true);
});

test.each([
  ['no JSON', '{', 'NOT_JSON'],
  ['no envelope', '{}', 'BAD_ENVELOPE'],
  [
    'another type',
    JSON.stringify({ v: 1, t: 'bye', id: 'm', epoch: 7, seq: 1, ts: 1, body: { reason: '' } }),
    'UNKNOWN_TYPE',
  ],
  [
    'no heartbeat',
    JSON.stringify({ v: 1, t: 'status', id: 'm', epoch: 7, seq: 1, ts: 1, body: {} }),
    'BAD_BODY',
  ],
  ['a frame that is too large', 'x'.repeat(30_000), 'TOO_LARGE'],
  [
    'a frame that nests too deep for a stack',
    statusText(`${'['.repeat(9_000)}${']'.repeat(9_000)}`),
    'BAD_ENVELOPE',
  ],
  ['a number that is too large for the table', statusText('{"x":1e300}'), 'BAD_BODY'],
  ['a number that is too small for the table', statusText('{"x":1e-200}'), 'BAD_BODY'],
  ['a metric without a name', statusText('{"":1}'), 'BAD_BODY'],
])('answers %s with a reject and stores nothing', async (_, text, code) => {
  const { raw, stored, posted } = await cell();
  await raw(text);
  expect(posted).toMatchObject([{ t: 'reject', body: { code } }]);
  expect(await stored()).toBeUndefined();
});

test.each([
  ['of another epoch', {}, { epoch: 6 }],
  ['of a superseded connection', { route: { ...gatewayItem().route!, epoch: 8, connectionId: 'c2' } }, {}],
  ['of a revoked gateway', { status: 'revoked' as const }, {}],
  ['of a replaced key', { keyGeneration: 2 }, {}],
  ['of a connection that said no hello', { route: undefined }, {}],
])('a status %s is not stored', async (_, gateway, over) => {
  const { send, stored, posted } = await cell(gateway);
  await send({}, over);
  expect(await stored()).toBeUndefined();
  expect(posted.map(({ t }) => t)).not.toContain('status.ack');
});

test('an inventory is written when its hash is another, and acknowledged each time', async () => {
  const { sendInventory, storedInventory, posted, at } = await cell();
  await sendInventory('h1');
  at(t0 + 1000);
  await sendInventory('h1');
  expect(await storedInventory()).toMatchObject({ receivedAt: t0, inventory: { hash: 'h1' } });
  await sendInventory('h2');
  expect(await storedInventory()).toMatchObject({ receivedAt: t0 + 1000, inventory: { hash: 'h2' } });
  expect(posted.map(({ t, body }) => ({ t, body }))).toEqual(
    ['h1', 'h1', 'h2'].map((hash) => ({ t: 'inventory.ack', body: { hash } })),
  );
});

test('a rollup that is not valid costs only itself: its status and the others stand', async () => {
  const { raw, frameOf, stored, storedRollup, posted, at } = await cell();
  at(t0 + 3_600_000);
  const rollup = (startsAt: number, count: number) => ({
    kind: 'half-hour',
    startsAt,
    counts: [count],
    signals: { 'system.cpu.utilization': [0.1, 0.2, 0.3] },
  });
  const [first, second] = [rollupStart('half-hour', t0), rollupStart('half-hour', t0) + 1_800_000];
  const rollups = [rollup(first, 1_500), null, 'none', rollup(second, 5)];
  await raw(frameOf('status', { heartbeat: heartbeat({ seq: 3 }), rollups }));
  expect(await stored()).toMatchObject({ heartbeat: { seq: 3 } });
  expect(posted.map(({ t }) => t)).toEqual(['status.ack']);
  expect(await storedRollup(rollupKeyOf('half-hour', first))).toBeUndefined();
  expect(await storedRollup(rollupKeyOf('half-hour', second))).toBeDefined();
});

const kills = (seq: number, count: number): Partial<Heartbeat> => ({
  seq,
  metrics: { 'gateway.host.oom_kills': count, 'gateway.host.uptime': 1e9 },
});

test('a report is stored with what rose since the one before, and without where nothing did', async () => {
  const { send, stored } = await cell();
  await send({ ...kills(1, 3), sentAt: t0 });
  expect(await stored()).not.toHaveProperty('history');
  await send({ ...kills(2, 5), sentAt: t0 + 60_000 });
  expect((await stored())?.history).toEqual({ rises: { oomKills: [t0 / 60_000 + 1, 2] } });
  await send({ ...kills(2, 5), sentAt: t0 + 60_000 });
  await send({ ...kills(1, 3), sentAt: t0 });
  expect((await stored())?.history).toEqual({ rises: { oomKills: [t0 / 60_000 + 1, 2] } });
});

test('reports at the same time forget nothing that rose', async () => {
  const { send, stored } = await cell();
  await send({ ...kills(1, 3), sentAt: t0 });
  await Promise.all([2, 3, 4].map((seq) => send({ ...kills(seq, 2 + seq), sentAt: t0 + seq * 1000 })));
  expect(await stored()).toMatchObject({
    heartbeat: { seq: 4 },
    history: { rises: { oomKills: [t0 / 60_000, 3] } },
  });
});
