import { readFileSync } from 'node:fs';
import { giveUpAfterMs } from '../../../core/subscriptions/lane.ts';
import { countUsage } from '../../../lambda/aws/usage.ts';
import { runTurn } from '../../../lambda/subscriptions/run-turn.ts';
import { startDynamo, type TestDynamo } from '../../support/dynamo.ts';
import { DeliveryWorld, orders } from './delivery-world.ts';

let dynamo: TestDynamo;
let world: DeliveryWorld;
beforeAll(async () => {
  dynamo = await startDynamo();
});
afterAll(() => dynamo.close());
beforeEach(async () => {
  world = await DeliveryWorld.open(dynamo);
});

const page = (name: string): string =>
  readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8');
const key = { tenantId: 'acme', subscriptionId: 'main' };

test('an event goes at once to every confirmed subscription that is for it, and to nobody else’s', async () => {
  const main = await world.subscribed('acme');
  const pager = await world.subscribed('acme', { subscriptionId: 'pager', filter: { severities: ['info'] } });
  const waiting = await world.subscribed('acme', { subscriptionId: 'new', state: 'pending' });
  const other = await world.subscribed('other');
  await world.route('acme', 'a', 1);
  await world.runStarted();
  expect(main.got).toMatchObject([{ tenantId: 'acme', seq: 1, type: 'firing' }]);
  expect(main.messages).toMatchObject([{ type: 'alert', version: 1 }]);
  expect([pager.tries, waiting.tries, other.tries]).toEqual([0, 0, 0]);
  const item = await world.subscription('acme');
  expect(item).toMatchObject({ deliveredAt: world.now });
  expect(item).not.toHaveProperty('openShard');
  expect(item).not.toHaveProperty('lease');
  expect(await world.pending()).toEqual([]);
});

test('what was told before anybody subscribed is waited for by none', async () => {
  const confirmedAt = world.now;
  const main = await world.subscribed('acme', { confirmedAt });
  // The reminder and the firing that it is about went out before; the order of the bus is any.
  for (const [seq, firingAt] of [
    [5, confirmedAt + 1],
    [4, confirmedAt - 1],
  ] as const) {
    await world.route('acme', 'a', seq, seq === 4 ? { firingAt } : {});
    await world.runStarted();
  }
  expect(orders(main.got)).toEqual({ a: [5] });
  for (const seq of [2, 3]) {
    await world.route('acme', 'b', seq, seq === 2 ? { firingAt: confirmedAt - 1 } : {});
    await world.runStarted();
  }
  await world.route('acme', 'c', 2, { firingAt: confirmedAt });
  await world.runStarted();
  expect(orders(main.got)).toEqual({ a: [5], b: [2, 3] });
});

test('an event that the bus brings twice goes out once, and events that it brings out of order go out in order', async () => {
  const main = await world.subscribed('acme');
  for (const seq of [1, 1, 3, 2, 3, 4, 1]) {
    await world.route('acme', 'a', seq);
    await world.runStarted();
  }
  expect(orders(main.got)).toEqual({ a: [1, 2, 3, 4] });
});

describe('what comes after a digest about one of its alerts', () => {
  const digestKey = 'd'.padStart(32, '0');
  const follows = `${digestKey}#0#0`;
  const routeDigest = () => {
    const counts = [
      { type: 'firing' as const, conditionId: 'Offline', severity: 'critical' as const, count: 60 },
    ];
    const digest = { counts, gatewayCount: 60, first: [], firing: [], reminder: [], resolved: [] };
    return world.route('acme', 'd', 0, { type: 'digest', eventId: follows, episode: 0, digest });
  };

  test('goes out at once: the digest told of its firing', async () => {
    const main = await world.subscribed('acme');
    await routeDigest();
    await world.runStarted();
    await world.route('acme', 'a', 2, { follows });
    await world.runStarted();
    expect(orders(main.got)).toEqual({ d: [0], a: [2] });
    // The firing by itself, as a crash may bring it late.
    await world.route('acme', 'a', 1);
    await world.route('acme', 'a', 3);
    await world.runStarted();
    expect(orders(main.got)).toEqual({ d: [0], a: [2, 3] });
  });

  test('waits while the digest does', async () => {
    const main = await world.subscribed('acme');
    main.takes = () => false;
    await routeDigest();
    await world.runStarted();
    await world.route('acme', 'a', 2, { follows });
    main.takes = () => true;
    await world.minutes(25);
    expect(orders(main.got)).toEqual({ d: [0], a: [2] });
    expect(main.got.map(({ type }) => type)).toEqual(['digest', 'resolved']);
  });
});

test('a receiver that is down for an hour has everything once it is back, in order, and holds nobody up', async () => {
  const down = await world.subscribed('acme');
  const well = await world.subscribed('other');
  down.takes = () => false;
  const alerts = ['a', 'b', 'c', 'd', 'e'];
  await world.minutes(60, async (minute) => {
    if (minute % 2 === 1) return;
    const alert = alerts[(minute / 2) % alerts.length]!;
    const seq = Math.floor(minute / 2 / alerts.length) + 1;
    await world.route('acme', alert, seq);
    await world.route('other', alert, seq);
    const before = well.got.length;
    await world.runStarted();
    // The same minute, and not with the next tick.
    expect(well.got).toHaveLength(before + 1);
  });
  const expected = Object.fromEntries(alerts.map((alert) => [alert, [1, 2, 3, 4, 5, 6]]));
  expect(orders(well.got)).toEqual(expected);
  expect(down.got).toEqual([]);
  // It was asked now and then: not for each of its alerts each minute.
  expect(down.tries).toBeLessThan(60);
  const failing = await world.subscription('acme');
  expect(failing).toMatchObject({
    failingSince: expect.any(Number),
    lastError: { reason: expect.stringMatching(/503/) },
  });
  expect(world.logged.filter(({ event }) => event === 'subscription.failing')).toHaveLength(1);

  down.takes = () => true;
  await world.minutes(20);
  expect(orders(down.got)).toEqual(expected);
  const recovered = await world.subscription('acme');
  expect(recovered).not.toHaveProperty('failingSince');
  expect(recovered).not.toHaveProperty('openShard');
  expect(await world.deadLetters()).toEqual([]);
}, 60_000);

test('an event that the receiver never takes holds up its own alert alone, and is given up after three days', async () => {
  const main = await world.subscribed('acme');
  main.takes = (message) =>
    !(message.type === 'alert' && message.event.alertKey.endsWith('b') && message.event.seq === 1);
  for (const seq of [1, 2]) for (const alert of ['a', 'b', 'c']) await world.route('acme', alert, seq);
  await world.minutes(10);
  expect(orders(main.got)).toEqual({ a: [1, 2], c: [1, 2] });
  world.now += giveUpAfterMs;
  await world.route('acme', 'd', 1);
  await world.minutes(2);
  expect(orders(main.got)).toEqual({ a: [1, 2], c: [1, 2], d: [1], b: [2] });
  expect(await world.deadLetters()).toMatchObject([
    { event: { seq: 1 }, reason: expect.stringMatching(/503/) },
  ]);
});

test('what a receiver that is down for days does not take becomes dead letters and a mark, and no try for each', async () => {
  const main = await world.subscribed('acme');
  main.takes = () => false;
  for (let alert = 1; alert <= 24; alert++) await world.route('acme', `f${alert}`, 1);
  await world.minutes(10);
  const tries = main.tries;
  expect(tries).toBeLessThan(35);
  world.now += giveUpAfterMs;
  await world.minutes(8);
  expect(await world.pending()).toEqual([]);
  expect(await world.deadLetters()).toHaveLength(24);
  expect(main.tries - tries).toBeLessThan(10);
  const item = await world.subscription('acme');
  expect(item).toMatchObject({ givenUpAt: expect.any(Number), failingSince: expect.any(Number) });
  // Quiet again: nothing is due. The next event is tried at once.
  expect(item).not.toHaveProperty('openShard');
  main.takes = () => true;
  await world.route('acme', 'a', 1);
  await world.runStarted();
  expect(orders(main.got)).toEqual({ a: [1] });
});

test('two turns at once send nothing twice: one holds the lease', async () => {
  const main = await world.subscribed('acme');
  for (const seq of [1, 2, 3]) await world.route('acme', 'a', seq);
  const until = { deadline: world.now + 40_000, leaseUntil: world.now + 50_000 };
  const turns = await Promise.all([1, 2, 3].map(() => runTurn(world.deps, key, until)));
  expect(turns.filter((turn) => turn !== undefined)).toHaveLength(1);
  expect(orders(main.got)).toEqual({ a: [1, 2, 3] });
});

test('an event that comes while a turn ends is not passed over', async () => {
  const main = await world.subscribed('acme');
  await world.route('acme', 'a', 1);
  const { deps } = world;
  let looks = 0;
  const lanes: typeof deps.lanes = {
    ...deps.lanes,
    // The second look finds nothing; then another event comes, before the turn is ended.
    list: async (...asked) => {
      const found = await deps.lanes.list(...asked);
      if ((looks += 1) === 2) await world.route('acme', 'b', 1);
      return found;
    },
  };
  const until = { deadline: world.now + 40_000, leaseUntil: world.now + 50_000 };
  await runTurn({ ...deps, lanes }, key, until);
  expect(orders(main.got)).toEqual({ a: [1], b: [1] });
});

test('a run that died at any write leaves nothing behind that the next ones do not deliver, in order', async () => {
  // Every write of one event's way in and out, and of the turn around it.
  for (let deadWrite = 1; deadWrite <= 6; deadWrite++) {
    const tenantId = `t-${deadWrite}`;
    const main = await world.subscribed(tenantId);
    await world.route(tenantId, 'a', 1);
    world.started.length = 0;
    const { deps } = world;
    let writes = 0;
    const mortal =
      <A extends unknown[], R>(write: (...args: A) => Promise<R>) =>
      async (...args: A): Promise<R> => {
        if ((writes += 1) >= deadWrite) throw new Error('the function is gone');
        return write(...args);
      };
    const dying = {
      ...deps,
      subscriptions: { ...deps.subscriptions, update: mortal(deps.subscriptions.update) },
      lanes: { ...deps.lanes, put: mortal(deps.lanes.put) },
      send: mortal(deps.send),
    };
    const until = { deadline: world.now + 40_000, leaseUntil: world.now + 50_000 };
    await runTurn(dying, { tenantId, subscriptionId: 'main' }, until).catch(() => undefined);
    await world.route(tenantId, 'a', 2);
    await world.minutes(3);
    const seqs = orders(main.got)['a'] ?? [];
    expect([...new Set(seqs)]).toEqual([1, 2]);
    expect(seqs).toEqual(seqs.toSorted());
  }
  expect(await world.pending()).toEqual([]);
});

test('an alert costs what the page says', async () => {
  await world.subscribed('acme');
  await world.route('acme', 'warm', 1);
  await world.runStarted();
  const units = { readUnits: 0, writeUnits: 0 };
  await countUsage(async (usage) => {
    await world.route('acme', 'a', 1);
    await world.runStarted();
    Object.assign(units, usage);
  });
  const [, reads, writes] = /(\d+(?:\.\d)?) units of reads and (\d+) of writes/.exec(page('cost.md')) ?? [];
  expect(units).toEqual({ readUnits: Number(reads), writeUnits: Number(writes) });
});

test('one that is deleted and made anew gets nothing of what waited before', async () => {
  const main = await world.subscribed('acme');
  main.takes = () => false;
  await world.route('acme', 'a', 1);
  await world.runStarted();
  main.takes = () => true;
  await world.subscribed('acme', { deliveryKey: 'acme/main/2' });
  await world.route('acme', 'b', 1);
  await world.minutes(10);
  expect(orders(main.got)).toEqual({ b: [1] });
});

test('an event that is none of ours is dropped', async () => {
  await world.subscribed('acme');
  await world.route('acme', 'a', 1, { type: 'party' as never });
  expect(world.logged.map(({ event }) => event)).toEqual(['router.bad_event']);
});
