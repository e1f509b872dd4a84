import fc from 'fast-check';
import { countTargets, isFinalTarget, nextBatch, totals } from '../../../core/bulk/decide.ts';
import { finalTargetStates, type BulkTargetItem } from '../../../core/bulk/model.ts';
import { matches, rateOf, shareCount, type Share } from '../../../core/bulk/shares.ts';

const at = 1_000_000;
const target = (position: number, state: BulkTargetItem['state'], startedAt?: number): BulkTargetItem => ({
  bulkId: 'b',
  gatewayId: `gw-${position}`,
  position,
  state,
  ...(startedAt === undefined ? {} : { startedAt }),
});
const job = { state: 'RUNNING', concurrency: 5, waves: [] as Share[], expiresAt: at + 1 } as const;
const next = (of: Partial<Parameters<typeof nextBatch>[0]>, targets: BulkTargetItem[]) =>
  nextBatch({ ...job, ...of }, targets, { at, batchCountMax: 3 });

const anyTargets = fc
  .array(
    fc.tuple(
      fc.constantFrom('WAITING', 'SUBMITTED', ...finalTargetStates),
      fc.integer({ min: at - 2_000, max: at }),
    ),
    { maxLength: 30 },
  ) // prettier-ignore
  .map((rows) =>
    rows.map(([state, startedAt], i) => target(i, state, state === 'WAITING' ? undefined : startedAt)),
  );
const anyShare = fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 100 }).map((n): Share => `${n}%`)); // prettier-ignore
const anyJob = fc.record(
  {
    state: fc.constantFrom('RUNNING', 'ABORTING', 'CANCELING'),
    concurrency: fc.integer({ min: 1, max: 10 }),
    waves: fc.array(anyShare, { maxLength: 4 }),
    expiresAt: fc.constantFrom(at, at + 1),
    rate: fc.record({ count: fc.integer({ min: 1, max: 5 }), perMs: fc.constant(1_000) }),
    abortAfter: anyShare,
  },
  { requiredKeys: ['state', 'concurrency', 'waves', 'expiresAt'] },
);

test('a step never starts more than concurrency, rate and wave allow, and none of a job that stops or is late', () => {
  fc.assert(
    fc.property(anyJob, anyTargets, (of, targets) => {
      const step = nextBatch(of, targets, { at, batchCountMax: 20 });
      if (step.do !== 'start') return;
      expect([of.state, of.expiresAt > at]).toEqual(['RUNNING', true]);
      const open = targets.filter(({ state }) => state === 'SUBMITTED').length;
      expect(open + step.targets.length).toBeLessThanOrEqual(of.concurrency);
      const recent = targets.filter(({ startedAt = 0 }) => startedAt > at - 1_000).length;
      if (of.rate) expect(recent + step.targets.length).toBeLessThanOrEqual(of.rate.count);
      const { failed } = totals(countTargets(targets));
      if (of.abortAfter !== undefined && failed > 0)
        expect(failed).toBeLessThan(shareCount(of.abortAfter, targets.length));
      const last = Math.max(...step.targets.map(({ position }) => position));
      let largest = 0;
      for (const reach of of.waves.map((wave) => shareCount(wave, targets.length))) {
        if (last >= reach && reach > largest)
          expect(targets.slice(0, reach).every(({ state }) => isFinalTarget(state))).toBe(true);
        largest = Math.max(largest, reach);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('a step is a wait only where a command is open or the rate says until when', () => {
  fc.assert(
    fc.property(anyJob, anyTargets, (of, targets) => {
      const step = nextBatch(of, targets, { at, batchCountMax: 20 });
      if (step.do !== 'wait') return;
      const isOpen = targets.some(({ state }) => state === 'SUBMITTED');
      expect(isOpen || (step.untilMs !== undefined && step.untilMs > at)).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

test('a job is finished exactly when all its targets are final and the threshold was not reached', () => {
  fc.assert(
    fc.property(anyJob, anyTargets, (of, targets) => {
      const step = nextBatch(of, targets, { at, batchCountMax: 20 });
      const isOver = targets.every(({ state }) => isFinalTarget(state));
      expect(step.do === 'finish' || step.do === 'abort' || !isOver).toBe(true);
      if (step.do === 'finish') expect(isOver).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

test.each(['FAILED', 'TIMED_OUT', 'REJECTED', 'EXPIRED', 'INDETERMINATE', 'UNREACHABLE'] as const)(
  '%s counts towards the threshold',
  (state) => {
    const targets = [target(0, state), target(1, 'WAITING')];
    expect(next({ abortAfter: 1 }, targets)).toMatchObject({
      do: 'abort',
      reason: expect.stringContaining('1 of 2'),
    });
  },
);

test.each(['CANCELED', 'SKIPPED', 'SUCCEEDED'] as const)('%s does not', (state) => {
  expect(next({ abortAfter: 1 }, [target(0, state), target(1, 'WAITING')])).toMatchObject({ do: 'start' });
});

test('targets start in the order that was given, in batches', () => {
  const targets = [4, 2, 0, 1, 3].map((position) => target(position, 'WAITING'));
  const step = next({}, targets);
  expect(step.do === 'start' && step.targets.map(({ position }) => position)).toEqual([0, 1, 2]);
});

test('a full rate says when the next may start', () => {
  const targets = [target(0, 'SUCCEEDED', at - 900), target(1, 'SUCCEEDED', at - 400), target(2, 'WAITING')];
  expect(next({ rate: { count: 2, perMs: 1_000 } }, targets)).toEqual({ do: 'wait', untilMs: at + 100 });
});

test('shares are numbers or round up, rates are for a second or a minute', () => {
  expect(['1%', '10%', '100%', 7].map((share) => shareCount(share as Share, 15))).toEqual([1, 2, 15, 7]);
  expect(rateOf('5/s')).toEqual({ count: 5, perMs: 1_000 });
  expect(rateOf('100/m')).toEqual({ count: 100, perMs: 60_000 });
  expect(['0/s', '5', '5/h', '-1/s'].map(rateOf)).toEqual([undefined, undefined, undefined, undefined]);
});

test.each([
  ['oslo-*', 'oslo-1', true],
  ['oslo-*', 'bergen', false],
  ['*', '', true],
  ['a*a', 'a', false],
  ['*b*d', 'abcd', true],
  ['*b*d', 'adcb', false],
  ['a.c', 'abc', false],
  ['ab', 'abc', false],
])('the pattern %s and the text "%s": %s', (pattern, text, expected) => {
  expect(matches(pattern, text)).toBe(expected);
});
