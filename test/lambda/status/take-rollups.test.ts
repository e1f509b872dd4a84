import type { LogFields } from '../../../core/log.ts';
import { rollupItem, rollupKeyOf, rollupOfItem } from '../../../core/rollups/rollup-item.ts';
import type { Rollup } from '../../../core/rollups/rollup.ts';
import { inventoryTable, rollupsTable, statusTable } from '../../../lambda/aws/tables.ts';
import { dynamoStatusStore } from '../../../lambda/status/status-store.ts';
import { takeRollups } from '../../../lambda/status/take-rollups.ts';
import { startDynamo, type TestDynamo } from '../../support/dynamo.ts';
import { hours, minutes, t0 } from '../../support/fleet.ts';

let dynamo: TestDynamo;
beforeAll(async () => {
  dynamo = await startDynamo();
});
afterAll(() => dynamo.close());

const cpu = 'system.cpu.utilization';
const rollup = (counts: number[], value: number, startsAt = t0): Rollup => ({
  kind: 'half-hour',
  startsAt,
  counts,
  signals: { [cpu]: counts.flatMap((count) => (count > 0 ? [value, value, value] : [null, null, null])) },
});

async function cloud() {
  const names = await dynamo.createTables();
  const rollups = rollupsTable(names.ROLLUPS_TABLE, dynamo.client);
  const store = dynamoStatusStore({
    status: statusTable(names.STATUS_TABLE, dynamo.client),
    inventory: inventoryTable(names.INVENTORY_TABLE, dynamo.client),
    rollups,
  });
  const logged: { event: string; fields: LogFields | undefined }[] = [];
  const log = (_level: string, event: string, fields?: LogFields) => void logged.push({ event, fields });
  return {
    store,
    logged,
    take: (taken: Rollup[], now = t0 + 30 * minutes) => takeRollups({ store, log }, 'gw-1', taken, now),
    stored: async (startsAt = t0) => {
      const item = await rollups.get({ gatewayId: 'gw-1', rollupKey: rollupKeyOf('half-hour', startsAt) });
      return item && rollupOfItem(item);
    },
  };
}

test('a rollup that comes again changes nothing', async () => {
  const { take, stored, store } = await cloud();
  const whole = rollup([5, 5, 0, 5, 5, 5], 0.3);
  await take([whole]);
  expect(await stored()).toEqual(whole);
  expect(await store.mergeRollup(rollupItem('gw-1', whole))).toBe(false);
  expect(await stored()).toEqual(whole);
});

test('accounts of parts make the whole, in either order', async () => {
  const before = rollup([5, 5, 2], 0.3);
  const after = rollup([0, 0, 3, 5, 5, 5], 0.7);
  for (const order of [
    [before, after],
    [after, before],
  ]) {
    const { take, stored } = await cloud();
    for (const part of order) await take([part]);
    expect(await stored()).toMatchObject({
      counts: [5, 5, 3, 5, 5, 5],
      signals: { [cpu]: [0.3, 0.3, 0.3, 0.3, 0.3, 0.3, ...Array.from({ length: 12 }, () => 0.7)] },
    });
  }
});

test('accounts that come at the same time are all heard', async () => {
  const { take, stored } = await cloud();
  const parts = [0, 1, 2, 3].map((i) => rollup([0, 0, 0, 0].with(i, 5), i / 10));
  await Promise.all(parts.map((part) => take([part])));
  expect(await stored()).toMatchObject({ counts: [5, 5, 5, 5] });
});

test('what a clock put into the future or far into the past is counted and left out', async () => {
  const { take, stored, logged } = await cloud();
  const future = rollup([5], 0.1, t0 + hours);
  const past = rollup([5], 0.1, t0 - 48 * hours);
  await take([future, past, rollup([5], 0.2)]);
  expect(logged).toEqual([
    {
      event: 'rollups.refused',
      fields: { gatewayId: 'gw-1', futureCount: 1, pastCount: 1, invalidCount: 0 },
    },
  ]);
  expect(await stored(future.startsAt)).toBeUndefined();
  expect(await stored(past.startsAt)).toBeUndefined();
  expect(await stored()).toMatchObject({ counts: [5] });
});
