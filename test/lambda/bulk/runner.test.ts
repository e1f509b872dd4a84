import fc from 'fast-check';
import { countTargets, isFailedTarget, isFinalTarget } from '../../../core/bulk/decide.ts';
import { cancel } from '../../../core/bulk/rules.ts';
import { shareCount } from '../../../core/bulk/shares.ts';
import { applied } from '../../../core/routes/guarded-update.ts';
import { BulkWorld, fates, type Fate } from './world.ts';

const times = (count: number, fate: Fate): Fate[] => Array<Fate>(count).fill(fate);
const cancelNow = (world: BulkWorld): void => {
  const { job } = world;
  const next = applied(cancel('canceled by a test'), job, { bulkId: job.bulkId });
  if (next) world.bulk.jobs.set(job.bulkId, next);
};

/** What every job that is over has in common. */
function expectEnded(world: BulkWorld): void {
  const { job, rows, commands } = world;
  expect(world.broken).toEqual([]);
  expect(job.counts).toEqual(countTargets(rows));
  expect(rows.filter(({ state }) => !isFinalTarget(state))).toEqual([]);
  expect(job).not.toHaveProperty('lease');
  for (const row of rows) {
    const command = commands.find(({ gatewayId }) => gatewayId === row.gatewayId);
    expect([row.gatewayId, row.commandId]).toEqual([row.gatewayId, command?.commandId]);
    if (command && row.state !== 'UNREACHABLE') expect(row.state).toBe(command.state);
  }
  const failed = rows.filter(({ state }) => isFailedTarget(state)).length;
  const limit = job.abortAfter === undefined ? Infinity : shareCount(job.abortAfter, rows.length);
  if (job.state === 'SUCCEEDED') expect(job.counts).toEqual({ SUCCEEDED: rows.length });
  if (job.state === 'SUCCEEDED' || job.state === 'PARTIAL') expect(failed).toBeLessThan(limit);
  if (job.state === 'ABORTED') expect(failed).toBeGreaterThanOrEqual(limit);
}

describe('a bulk send', () => {
  it('sends one command to each gateway and succeeds when all of them did', async () => {
    const world = new BulkWorld(times(45, 'succeeds'));
    world.create({ all: true, concurrency: 7 });
    await world.untilOver();
    expectEnded(world);
    expect(world.job).toMatchObject({ state: 'SUCCEEDED', counts: { SUCCEEDED: 45 } });
  });

  it('counts who is offline, revoked or not there as failures, and ends', async () => {
    const world = new BulkWorld(['succeeds', 'offline', 'revoked']);
    world.create({ gatewayIds: [...world.gatewayIds, 'gw-none'], whenOffline: 'refuse' });
    await world.untilOver();
    expectEnded(world);
    expect(world.job).toMatchObject({ state: 'PARTIAL', counts: { SUCCEEDED: 1, UNREACHABLE: 3 } });
    expect(world.rows.map(({ reason }) => reason?.split(':')[0])).toEqual([
      undefined,
      'OFFLINE',
      'GONE',
      'NOT_FOUND',
    ]);
  });

  it('shows how far it is while it runs', async () => {
    const world = new BulkWorld(['succeeds', 'runs', 'fails']);
    world.create({ all: true });
    await world.tick();
    expect(world.job).toMatchObject({ state: 'RUNNING', counts: { SUCCEEDED: 1, SUBMITTED: 1, FAILED: 1 } });
  });

  it('ends also where gateways never come back: what waits for them expires', async () => {
    const world = new BulkWorld(['offline', 'silent', 'succeeds']);
    world.create({ all: true, expiresInMs: 600_000 });
    await world.untilOver();
    expect(world.job).toMatchObject({ state: 'PARTIAL', counts: { SUCCEEDED: 1, EXPIRED: 2 } });
  });

  it('ends targets that its rate leaves no time for as EXPIRED', async () => {
    const world = new BulkWorld(times(10, 'succeeds'));
    world.create({ all: true, rate: '1/m', expiresInMs: 180_000 });
    await world.untilOver();
    expectEnded(world);
    expect(world.job.state).toBe('PARTIAL');
    expect(world.job.counts.EXPIRED).toBeGreaterThanOrEqual(6);
  });

  it('aborts at the threshold: cancels what no gateway has, lets go on what runs, and never starts the rest', async () => {
    const world = new BulkWorld(['runs', 'silent', 'fails', ...times(20, 'succeeds')]);
    world.create({ gatewayIds: world.gatewayIds, concurrency: 3, abortAfter: 1 });
    await world.untilOver();
    expectEnded(world);
    expect(world.job.reason).toBe('1 of 23 targets failed; it was to abort after 1');
    expect(world.rows.slice(0, 3).map(({ state }) => state)).toEqual(['TIMED_OUT', 'CANCELED', 'FAILED']);
    expect(world.job.counts.SKIPPED).toBe(20);
  });

  it('begins a wave when the one before is final, in the order that was given', async () => {
    const world = new BulkWorld(['fails', ...times(19, 'succeeds')]);
    world.create({ gatewayIds: world.gatewayIds, waves: [1, '50%', '100%'], abortAfter: 1 });
    await world.untilOver();
    expectEnded(world);
    expect(world.commands.map(({ gatewayId }) => gatewayId)).toEqual(['gw-000']);
  });

  it('that is canceled ends as CANCELED and starts nothing more', async () => {
    const world = new BulkWorld(times(30, 'succeeds'));
    world.create({ all: true, concurrency: 5 });
    world.onWait = () => cancelNow(world);
    await world.untilOver();
    expectEnded(world);
    expect(world.job).toMatchObject({ state: 'CANCELED', reason: 'canceled by a test' });
    expect(world.commands).toHaveLength(5);
  });

  it.each([
    ['chooses nobody', [], 'no active gateway was chosen'],
    ['would reach more than ten thousand', times(10_001, 'succeeds'), 'more than 10000 gateways'],
  ])('that %s is aborted and says why', async (_, gateways, reason) => {
    const world = new BulkWorld([]);
    world.create({ all: true });
    const deps = world.deps();
    deps.select = async function* () {
      yield* await Promise.resolve(gateways.map((_fate, i) => `gw-${i}`));
    };
    world.deps = () => deps;
    await world.untilOver();
    expect(world.job).toMatchObject({ state: 'ABORTED', reason: expect.stringContaining(reason) });
    expect(world.rows).toEqual([]);
  });

  it('waits longer each time while a store of ours is down, and goes on when it is back', async () => {
    const world = new BulkWorld(times(3, 'succeeds'));
    world.create({ all: true });
    const tries: number[] = [];
    const deps = world.deps();
    let isDown = true;
    world.deps = () => ({
      ...deps,
      audit: {
        append: (entry) => {
          if (!isDown) return deps.audit.append(entry);
          tries.push(world.now);
          return Promise.reject(new Error('the trail is shut'));
        },
      },
    });
    await world.tick();
    expect(tries.length).toBeLessThan(30); // Three targets each time, over 40 s.
    expect(new Set(tries).size).toBeGreaterThan(3);
    isDown = false;
    await world.untilOver();
    expect(world.job.state).toBe('SUCCEEDED');
  });

  it('is worked on by one run at a time, and by the next when that one died', async () => {
    const world = new BulkWorld(times(3, 'succeeds'));
    const { bulkId } = world.create({ all: true });
    world.bulk.jobs.get(bulkId)!.lease = { owner: 'another', until: world.now + 90_000 };
    await world.tick();
    expect(world.writes).toBe(1);
    await world.untilOver();
    expect(world.job.state).toBe('SUCCEEDED');
  });
});

const share = (max: number) => fc.oneof(fc.integer({ min: 1, max }), fc.integer({ min: 1, max: 100 }).map((n) => `${n}%`)); // prettier-ignore

test('a runner that dies at any write is followed by one that goes on: nothing is sent twice, every rule holds, every job ends', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...fates), { minLength: 1, maxLength: 9 }),
      fc.record(
        {
          concurrency: fc.integer({ min: 1, max: 4 }),
          rate: fc.constantFrom('1/s', '3/s', '2/m'),
          abortAfter: share(4),
          whenOffline: fc.constantFrom('queue', 'refuse'),
          expiresInMs: fc.constantFrom(120_000, 900_000),
        },
        { requiredKeys: [] },
      ),
      fc.array(share(9), { maxLength: 3 }),
      fc.array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.constantFrom('before', 'after')), {
        maxLength: 4,
      }),
      fc.option(fc.integer({ min: 1, max: 30 })),
      async (gateways, asked, waves, crashes, cancelAfterWaits) => {
        const world = new BulkWorld(gateways);
        world.create({
          ...asked,
          gatewayIds: world.gatewayIds,
          waves: asked.abortAfter === undefined ? [] : waves,
        });
        world.crashes = new Map(crashes as [number, 'before' | 'after'][]);
        let waits = 0;
        world.onWait = () => {
          if ((waits += 1) === cancelAfterWaits) cancelNow(world);
        };
        await world.untilOver();
        expectEnded(world);
      },
    ),
    { numRuns: 300 },
  );
}, 120_000);

test('a runner that dies at each of its writes in turn comes to the same end', async () => {
  const run = async (crash?: [number, 'before' | 'after']) => {
    const world = new BulkWorld(['succeeds', 'fails', 'offline', 'succeeds', 'revoked', 'succeeds']);
    world.create({ gatewayIds: world.gatewayIds, waves: [2, '100%'], abortAfter: 5, concurrency: 2, whenOffline: 'refuse' }); // prettier-ignore
    if (crash) world.crashes.set(...crash);
    await world.untilOver();
    expectEnded(world);
    return world;
  };
  const whole = await run();
  for (let at = 1; at <= whole.writes; at++)
    for (const when of ['before', 'after'] as const) {
      const world = await run([at, when]);
      expect([at, when, world.job.state, world.commands.length]).toEqual([at, when, 'PARTIAL', 4]);
    }
});
