import { randomBytes } from 'node:crypto';
import { jest } from '@jest/globals';
import type { DetectorState } from '../../../core/patterns/detect.ts';
import { factNames, type InventoryFacts } from '../../../core/patterns/attributes.ts';
import { noHistory, type PatternHistory } from '../../../core/patterns/history.ts';
import { gatewaysTable, inventoryTable, patternsTable, statusTable } from '../../../lambda/aws/tables.ts';
import { countUsage } from '../../../lambda/aws/usage.ts';
import { dynamoDetectorStore } from '../../../lambda/alerts/detector-store.ts';
import { dynamoFleet, merged, segmentsFor } from '../../../lambda/alerts/fleet-source.ts';
import { cachedInventory } from '../../../lambda/alerts/inventory-source.ts';
import { startDynamo, type TableVariable, type TestDynamo } from '../../support/dynamo.ts';
import { gatewayItem, heartbeat, statusItem, streamOf, t0, volume } from '../../support/fleet.ts';

let dynamo: TestDynamo;
let names: Record<TableVariable, string>;
beforeAll(async () => {
  dynamo = await startDynamo();
});
beforeEach(async () => {
  names = await dynamo.createTables();
});
afterAll(() => dynamo.close());

const table = () => patternsTable(names.PATTERNS_TABLE, dynamo.client);
const store = () => dynamoDetectorStore(table(), { now: () => t0, random: randomBytes });
const state = (version: number, more: Partial<DetectorState> = {}): DetectorState => ({
  ...{ version, tickedAt: t0 + version, remembered: [1, 1, 1], gatewayCount: 9 },
  ...more,
});
/** Larger than one item may be, however well it is packed. */
const largeHistory = (): PatternHistory => ({
  ...noHistory(),
  watchedMs: 1,
  values: Object.fromEntries(
    Array.from({ length: 6_000 }, (_, i) => [
      `kernel=${randomBytes(60).toString('hex')} ${i}`,
      { customers: [1, 2, 3], gateways: [1, 2, 3], hits: {}, failing: {} },
    ]),
  ),
});

test('a tick finds what the tick before left, in another process too, however large the history is', async () => {
  expect(await store().load()).toEqual({ state: undefined, history: noHistory() });
  const history = largeHistory();
  expect(await store().save(state(1), history)).toBe(true);
  const found = await store().load();
  expect(found.history).toEqual(history);
  expect(found.state).toMatchObject({ version: 1, historyParts: 2, gatewayCount: 9 });
  // A tick that remembered nothing new keeps the history of the one before.
  expect(await store().save({ ...found.state!, version: 2 })).toBe(true);
  expect((await store().load()).history).toEqual(history);
});

test('of two proxies the second one leaves nothing behind', async () => {
  const [one, other] = [store(), store()];
  const first = { ...noHistory(), watchedMs: 1 };
  expect(await one.save(state(1), first)).toBe(true);
  expect(await other.save(state(1), { ...noHistory(), watchedMs: 2 })).toBe(false);
  expect((await other.load()).history).toEqual(first);
  expect((await store().load()).history).toEqual(first);
});

test('a history that has grown and could not be kept is read again as it was', async () => {
  const one = store();
  await one.save(state(1), { ...noHistory(), watchedMs: 1 });
  const { history } = await one.load();
  history.watchedMs = 99;
  expect(await one.save(state(1), history)).toBe(false);
  expect((await one.load()).history.watchedMs).toBe(1);
});

test('a history of which a part is gone is begun anew', async () => {
  await store().save(state(1), largeHistory());
  const { state: kept } = await store().load();
  await table().delete({ itemKey: `history/${kept!.historyId!}/1` });
  expect((await store().load()).history).toEqual(noHistory());
});

test('inventories are read once, for the next tick, and again when their hash is another', async () => {
  const inventories = inventoryTable(names.INVENTORY_TABLE, dynamo.client);
  const put = (hash: string, kernel: string) =>
    inventories.put({
      ...{ gatewayId: 'gw-1', tenantId: 'acme', receivedAt: t0 },
      inventory: {
        ...{ hash, hostname: 'h', os: 'Debian 13', kernel, arch: 'x64', cpuModel: 'c', cpuCount: 1 },
        ...{ memoryBytes: 1, agentVersion: '1', nodeVersion: '24', interfaces: [] },
        disks: ['a', 'b', 'b'].map((model, i) => ({ name: `sd${i}`, model, firmware: 'F1', sizeBytes: 1 })),
      },
    });
  await put('h1', '6.1');
  const source = cachedInventory(inventories);
  const named = (facts: InventoryFacts | undefined) =>
    Object.fromEntries(factNames.map((name, i) => [name, facts?.[i]]));
  expect(source.factsOf('gw-1', 'h1')).toBeUndefined();
  await source.load();
  expect(named(source.factsOf('gw-1', 'h1'))).toEqual({
    ...{ os: 'Debian 13', kernel: '6.1', nodeVersion: '24', cpuModel: 'c' },
    ...{ diskModel: 'b', diskFirmware: 'b F1' },
  });
  const quiet = await countUsage(async (usage) => {
    await source.load();
    return usage.readUnits;
  });
  expect(quiet).toBe(0);
  await put('h2', '6.2');
  source.factsOf('gw-1', 'h2');
  await source.load();
  expect(named(source.factsOf('gw-1', 'h2'))).toMatchObject({ kernel: '6.2' });
});

test('a look at a gateway’s status costs at most an eighth of a read unit', async () => {
  const count = 400;
  const tables = {
    gateways: gatewaysTable(names.GATEWAYS_TABLE, dynamo.client),
    status: statusTable(names.STATUS_TABLE, dynamo.client),
  };
  // As large as the agent lets a heartbeat become, which is what its item may cost to write.
  const metrics = Object.fromEntries(
    Array.from({ length: 18 }, (_, i) => [`gateway.metric.number_${i}`, 0.123]),
  );
  const beat = heartbeat({ metrics, volumes: [volume()], inventoryHash: 'a'.repeat(16) });
  expect(JSON.stringify(beat).length).toBeGreaterThan(850);
  for (let i = 0; i < count; i++) {
    const gatewayId = `gw-${String(i).padStart(20, '0')}`;
    await tables.status.put(statusItem({ gatewayId, heartbeat: beat }));
    await tables.gateways.put(gatewayItem({ gatewayId }));
  }
  const fleet = dynamoFleet(tables);
  const cost = (stream: () => AsyncIterable<readonly unknown[]>) =>
    countUsage(async (usage) => {
      let seen = 0;
      for await (const page of stream()) seen += page.length;
      return { seen, perGateway: usage.readUnits / count };
    });
  // What the store bills for a strong read, twice as much, the local one does not count: it must not be asked for one.
  const send = jest.spyOn(dynamo.client, 'send');
  const status = await cost(fleet.statuses);
  const inputs = send.mock.calls.map(([command]) => command.input);
  send.mockRestore();
  expect(inputs.length).toBeGreaterThan(0);
  expect(inputs.filter((input) => 'ConsistentRead' in input && input.ConsistentRead)).toEqual([]);
  expect(status.seen).toBe(count);
  expect(status.perGateway).toBeLessThanOrEqual(0.125);
  const gateways = await cost(fleet.gateways);
  expect(gateways.seen).toBe(count);
  expect(gateways.perGateway).toBeLessThanOrEqual(0.09);
});

describe('several scans at once', () => {
  it('are as many as the fleet is large', () => {
    expect([0, 10_000, 100_000, 1_000_000].map(segmentsFor)).toEqual([1, 1, 4, 32]);
  });

  it('bring every item once', async () => {
    const items = Array.from({ length: 9_000 }, (_, i) => i);
    const streams = [0, 1, 2].map((share) => streamOf(items.filter((i) => i % 3 === share)));
    const found: number[] = [];
    for await (const item of merged(streams)) found.push(item);
    expect(found.sort((a, b) => a - b)).toEqual(items);
  });

  it('fail as one: half a fleet is never taken for the whole', async () => {
    const broken = streamOf(Promise.reject<number[]>(new Error('no capacity')));
    const read = async () => {
      for await (const _item of merged([streamOf([1, 2]), broken]));
    };
    await expect(read()).rejects.toThrow('no capacity');
  });
});
