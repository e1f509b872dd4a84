import fc from 'fast-check';
import type { AlertEvent } from '../../../core/alert-event.ts';
import {
  enlist,
  failed,
  forTarget,
  gapWaitMs,
  giveUpAfterMs,
  headOf,
  isTooOld,
  laneWaitMs,
  pendingMax,
  turnWaitMs,
  waitingIn,
  without,
} from '../../../core/subscriptions/lane.ts';
import type { LaneItem } from '../../../core/subscriptions/model.ts';
import { firing } from '../../admin/admin-world.ts';

const deliveryKey = 'acme/main/1';
const event = (seq: number, type: AlertEvent['type'] = seq % 2 === 1 ? 'firing' : 'resolved'): AlertEvent => {
  const of = firing().event;
  return { ...of, type, seq, eventId: `${of.alertKey}#1#${seq}` };
};
const taken = (lane: LaneItem | undefined, seq: number, now: number, again = false): LaneItem | undefined =>
  enlist(lane, { deliveryKey, event: event(seq) }, { now, again })?.lane ?? lane;
const seqs = (lane: LaneItem | undefined): number[] => lane!.pending.map((each) => each.event.seq);
/** Sends whatever may be sent at that time, and says what that was. */
function drained(start: LaneItem, now: number): { sent: number[]; lane: LaneItem } {
  const sent: number[] = [];
  let lane = start;
  for (let head = headOf(lane, now); head; head = headOf(lane, now)) {
    sent.push(head.event.seq);
    lane = without(lane, head, now);
  }
  return { sent, lane };
}

test('takes an event once, also after it was delivered', () => {
  const lane = taken(undefined, 1, 0)!;
  expect(enlist(lane, { deliveryKey, event: event(1) }, { now: 1 })).toBeUndefined();
  const { lane: empty } = drained(lane, 0);
  expect(empty).toMatchObject({ pending: [], passedSeq: 1, dueAt: undefined, version: 2 });
  expect(enlist(empty, { deliveryKey, event: event(1) }, { now: 1 })).toBeUndefined();
});

test('whatever order events come in, they leave in order, each once', () => {
  fc.assert(
    fc.property(
      fc.shuffledSubarray([1, 2, 3, 4, 5, 6], { minLength: 6 }),
      fc.array(fc.nat(5)),
      (order, twice) => {
        const sent: number[] = [];
        let lane: LaneItem | undefined;
        for (const seq of [...order, ...twice.map((i) => i + 1)]) {
          lane = taken(lane, seq, 0);
          const step = drained(lane!, 0);
          sent.push(...step.sent);
          lane = step.lane;
        }
        // A resolve or a later firing that came alone at first may have waited for what comes before it.
        sent.push(...drained(lane!, gapWaitMs).sent);
        expect(sent).toEqual(sent.toSorted((a, b) => a - b));
        expect(new Set(sent).size).toBe(sent.length);
      },
    ),
    { seed: 7, numRuns: 300 },
  );
});

test('waits for the event before, and goes on without it when it cannot come any more', () => {
  const { lane } = drained(taken(undefined, 1, 0)!, 0);
  const ahead = taken(lane, 3, 1_000)!;
  expect(drained(ahead, 1_000).sent).toEqual([]);
  expect(drained(taken(ahead, 2, 2_000)!, 2_000).sent).toEqual([2, 3]);
  expect(drained(ahead, 1_000 + gapWaitMs).sent).toEqual([3]);
});

test('a firing of an alert that is new to it waits for nothing; a resolve waits for its firing', () => {
  expect(drained(taken(undefined, 5, 0)!, 0).sent).toEqual([5]);
  const resolved = taken(undefined, 2, 0)!;
  expect(drained(resolved, 0).sent).toEqual([]);
  expect(drained(taken(resolved, 1, 1)!, 1).sent).toEqual([1, 2]);
});

describe('an event whose firing was told in a digest', () => {
  const behind = (lane: LaneItem | undefined, seq: number, digestedFromSeq?: number): LaneItem =>
    enlist(
      lane,
      { deliveryKey, event: { ...event(seq), digestedFromSeq } },
      { now: 0, isBehindDigest: true },
    )!.lane;

  test('waits for nothing, and the firing does not come once more', () => {
    const { sent, lane } = drained(behind(undefined, 2), 0);
    expect(sent).toEqual([2]);
    expect(taken(lane, 1, 1)).toBe(lane);
    expect(drained(taken(lane, 3, 1)!, 1).sent).toEqual([3]);
  });

  test('waits all the same for what may be under way from before that firing', () => {
    const { lane } = drained(taken(undefined, 1, 0)!, 0);
    const resolved = behind(lane, 4);
    expect(drained(resolved, 0).sent).toEqual([]);
    expect(drained(taken(resolved, 2, 0)!, 0).sent).toEqual([2]);
    expect(drained(behind(drained(taken(lane, 2, 0)!, 0).lane, 4), 0).sent).toEqual([4]);
  });
});

test('several events that were told in digests, one after the other, are waited for by none', () => {
  const { lane } = drained(taken(undefined, 1, 0)!, 0);
  const behind = (digestedFromSeq: number) =>
    enlist(lane, { deliveryKey, event: { ...event(5), digestedFromSeq } }, { now: 0, isBehindDigest: true })!
      .lane;
  expect(drained(behind(2), 0).sent).toEqual([5]);
  // The second may still be under way.
  expect(drained(behind(3), 0).sent).toEqual([]);
});

test('a digest, which has no place in any order, waits for nothing', () => {
  expect(drained(taken(undefined, 0, 0)!, 0).sent).toEqual([0]);
});

test('a try in vain lets the whole lane rest, longer each time, and a success begins anew', () => {
  let lane = taken(taken(undefined, 1, 0), 2, 0)!;
  lane = failed(lane, { target: 'x', now: 0, random: 1 });
  expect(lane).toMatchObject({ attempts: 1, retryAt: 10_000, dueAt: 10_000 });
  expect(headOf(lane, 9_999)).toBeUndefined();
  lane = failed(lane, { target: 'x', now: 10_000, random: 1 });
  expect(lane.dueAt).toBe(30_000);
  lane = without(lane, lane.pending[0]!, 30_000);
  expect(lane).toMatchObject({ attempts: 0, retryAt: undefined, dueAt: 0 });
  expect([1, 2, 3, 4, 5, 9, 900].map((n) => laneWaitMs(n, 1) / 1_000)).toEqual([
    10, 20, 40, 80, 160, 900, 900,
  ]);
  expect([1, 5, 900].map((n) => turnWaitMs(n, 0) / 1_000)).toEqual([5, 80, 150]);
});

test('what one target did not take is untried, and due, for another; so it is counted', () => {
  let lane = taken(undefined, 1, 0)!;
  for (const now of [0, 10_000, 30_000]) lane = failed(lane, { target: 'old', now, random: 1 });
  expect(forTarget(lane, 'old')).toBe(lane);
  expect(headOf(lane, 40_000)).toBeUndefined();
  expect(forTarget(lane, 'new')).toMatchObject({ attempts: 0, dueAt: 0, version: lane.version });
  expect(failed(lane, { target: 'new', now: 40_000, random: 1 })).toMatchObject({
    attempts: 1,
    dueAt: 50_000,
    version: lane.version + 1,
  });
});

test('holds so many events and no more: the oldest makes room, and does not come back', () => {
  let lane: LaneItem | undefined;
  for (let seq = 1; seq <= pendingMax; seq++) lane = taken(lane, seq, seq);
  const full = enlist(lane, { deliveryKey, event: event(pendingMax + 1) }, { now: 99 })!;
  expect(full.overflow?.event.seq).toBe(1);
  expect(seqs(full.lane)).toHaveLength(pendingMax);
  expect(enlist(full.lane, { deliveryKey, event: event(1) }, { now: 100 })).toBeUndefined();
});

test('what a person wants once more goes in although it was passed, before what waits', () => {
  const { lane } = drained(taken(taken(undefined, 1, 0), 2, 0)!, 0);
  const waiting = taken(lane, 3, 1)!;
  expect(taken(waiting, 1, 2)).toBe(waiting);
  const again = taken(taken(waiting, 2, 2, true), 1, 2, true)!;
  expect(drained(again, 2).sent).toEqual([1, 2, 3]);
});

test('an event is too old after three days from when it came', () => {
  const [entry] = taken(undefined, 1, 5)!.pending;
  expect(isTooOld(entry!, 5 + giveUpAfterMs - 1)).toBe(false);
  expect(isTooOld(entry!, 5 + giveUpAfterMs)).toBe(true);
});

test('what is held for what comes first is told apart from what its target does not take', () => {
  const of = (lane: LaneItem, now: number) => waitingIn([lane], { lanesMax: 20, now });
  const behind = taken(taken(undefined, 2, 100)!, 3, 200)!;
  expect(of(behind, 300)).toEqual({ held: { eventCount: 2, until: 100 + gapWaitMs } });
  const late = 100 + gapWaitMs;
  expect(of(behind, late)).toEqual({ waiting: { eventCount: 2, since: late } });
  const refused = failed(behind, { target: 'h', now: late, random: 0.5 });
  expect(of(refused, late + 1)).toEqual({ waiting: { eventCount: 2, since: late } });
  const first = taken(behind, 1, 400)!;
  expect(of(failed(first, { target: 'h', now: 400, random: 0.5 }), 401)).toEqual({
    waiting: { eventCount: 3, since: 400 },
  });
  expect(waitingIn([first, behind], { lanesMax: 2, now: 400 })).toEqual({
    waiting: { eventCount: 3, since: 400, hasMore: true },
    held: { eventCount: 2, until: late },
  });
  expect(of(drained(first, 400).lane, 500)).toEqual({});
});
