import pLimit from 'p-limit';
import type { AlertEvent } from '../../core/alert-event.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { failed, forTarget, headOf, isTooOld, without } from '../../core/subscriptions/lane.ts';
import type { LaneItem, SubscriptionItem } from '../../core/subscriptions/model.ts';
import {
  clockSlackMs,
  deliveryKeyOf,
  endInVain,
  endTurn,
  isInVain,
  takeLease,
  type TurnOutcome,
} from '../../core/subscriptions/rules.ts';
import { errorFields } from '../aws/invocation.ts';
import type { Clock } from '../commands/ports.ts';
import { changeLane } from './change-lane.ts';
import { deadLetter } from './enlist-event.ts';
import {
  alertMessage,
  type DeadLetterStore,
  type LaneStore,
  type Send,
  type SubscriptionKey,
  type SubscriptionStore,
} from './ports.ts';

export interface TurnDeps {
  readonly subscriptions: SubscriptionStore;
  readonly lanes: LaneStore;
  readonly letters: DeadLetterStore;
  readonly send: Send;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Log;
}

const lanesAtOnce = 8;
const lanesPerLook = 100;
/** After so many tries in a row in vain the target is taken to be down. */
const vainTriesMax = 3;

interface Turn {
  subscription: SubscriptionItem;
  readonly deadline: number;
  /** Of the target in use. */
  outcome: TurnOutcome;
  /** Of targets that were in use when the turn began. */
  earlier: TurnOutcome;
  /** Of all lanes, since one got through. */
  vainInARow: number;
}
const nothing: TurnOutcome = { delivered: 0, failed: 0, givenUp: 0 };

/**
 * Sends what a subscription's lanes hold, each lane in its order, until they are empty, the target turns out to be down
 * or the deadline comes. Undefined where another turn holds the lease or nothing is due. An event leaves its lane after
 * the target took it: a crash in between sends it again, under the same id and before what follows.
 */
export async function runTurn(
  deps: TurnDeps,
  key: SubscriptionKey,
  { deadline, leaseUntil }: { deadline: number; leaseUntil: number },
): Promise<TurnOutcome | undefined> {
  const { clock, subscriptions } = deps;
  const owner = clock.newId();
  const taken = await subscriptions.update(key, takeLease(owner, { at: clock.now(), untilMs: leaseUntil }));
  if (!taken) return undefined;
  const fresh = { outcome: { ...nothing }, earlier: nothing, vainInARow: 0 };
  const turn: Turn = { subscription: taken, deadline, ...fresh };
  for (;;) {
    const { isDone, dueAt } = await runLook(deps, turn);
    if (isDone && (await end(deps, turn, dueAt))) break;
    // Something came meanwhile, another target is in use, or there is more than one look takes.
    const now = await subscriptions.get(key);
    if (now?.lease?.owner !== owner) break;
    if (!isSameTarget(now, turn)) beginAnew(turn);
    turn.subscription = now;
  }
  const outcome = sum(turn.earlier, turn.outcome);
  report(deps, key, outcome, taken);
  return outcome;
}

const isSameTarget = (now: SubscriptionItem, { subscription }: Turn): boolean =>
  now.challengeHash === subscription.challengeHash;

/** What one target did not take says nothing of the next; dead letters are the subscription's. */
function beginAnew(turn: Turn): void {
  const { givenUp } = turn.outcome;
  turn.earlier = sum(turn.earlier, { ...turn.outcome, givenUp: 0 });
  turn.outcome = { ...nothing, givenUp };
  turn.vainInARow = 0;
}

const sum = (a: TurnOutcome, b: TurnOutcome): TurnOutcome => ({
  ...a,
  ...b,
  delivered: a.delivered + b.delivered,
  failed: a.failed + b.failed,
  givenUp: a.givenUp + b.givenUp,
});

/** One look at the lanes that are due. `dueAt`: when there is more; undefined: nothing is pending. */
async function runLook(deps: TurnDeps, turn: Turn): Promise<{ isDone: boolean; dueAt: number | undefined }> {
  const now = deps.clock.now();
  const target = turn.subscription.challengeHash;
  const stored = await deps.lanes.list(deliveryKeyOf(turn.subscription), lanesPerLook);
  const found = stored.map((lane) => forTarget(lane, target));
  const due = found.filter(({ dueAt = Infinity }) => dueAt <= now + clockSlackMs);
  const before = { ...turn.outcome };
  const isKnownWell = turn.subscription.failures === undefined || before.delivered > 0;
  const limit = pLimit(isKnownWell ? lanesAtOnce : vainTriesMax);
  await Promise.all(due.map((lane) => limit(() => runLane(deps, turn, lane))));
  if (deps.clock.now() >= turn.deadline) return { isDone: true, dueAt: deps.clock.now() };
  const { delivered, givenUp, failed: vain } = turn.outcome;
  const hasMoved = delivered > before.delivered || givenUp > before.givenUp || vain > before.failed;
  if (due.length > 0 && hasMoved) return { isDone: false, dueAt: undefined };
  const dueAt = Math.min(...found.map((lane) => lane.dueAt ?? Infinity));
  return { isDone: true, dueAt: found.length > 0 ? dueAt : undefined };
}

async function end(
  { subscriptions, clock, random }: TurnDeps,
  { subscription, outcome }: Turn,
  dueAt: number | undefined,
): Promise<boolean> {
  const at = clock.now();
  const update = isInVain(outcome)
    ? endInVain(subscription, outcome, { at, random: random() })
    : endTurn(subscription, outcome, { at, dueAt, random: random() });
  return (await subscriptions.update(subscription, update)) !== undefined;
}

/** Sends the lane's events one after the other, until one does not get through. */
async function runLane(deps: TurnDeps, turn: Turn, start: LaneItem): Promise<void> {
  const { clock, lanes } = deps;
  const target = turn.subscription.challengeHash;
  let lane: LaneItem | undefined = start;
  while (lane && clock.now() < turn.deadline) {
    lane = forTarget(lane, target);
    const head = headOf(lane, clock.now() + clockSlackMs);
    if (!head) return;
    // Nothing is given up that was never tried, unless nothing gets through.
    const wasTried = lane.attempts > 0 || isDown(turn);
    if (wasTried && isTooOld(head, clock.now())) lane = await giveUp(deps, turn, lane);
    else if (isDown(turn)) return;
    else {
      const reason = await attempt(deps, turn, head.event);
      const now = clock.now();
      lane = await changeLane(
        lanes,
        lane,
        (stored) =>
          stored &&
          (reason === undefined
            ? without(stored, head, now)
            : failed(stored, { target, now, random: deps.random() })),
        lane,
      );
      if (reason !== undefined) return;
    }
  }
}

const isDown = ({ vainInARow }: Turn): boolean => vainInARow >= vainTriesMax;

/** Why it did not get through; undefined: it did. */
async function attempt({ send, log }: TurnDeps, turn: Turn, event: AlertEvent): Promise<string | undefined> {
  const { subscription, outcome } = turn;
  const { tenantId, subscriptionId } = subscription;
  try {
    await send(subscription, alertMessage(event));
    outcome.delivered += 1;
    turn.vainInARow = 0;
    return undefined;
  } catch (thrown) {
    // The tenant sees it: what went wrong inside is for the log.
    const reason = thrown instanceof HoldfastError ? thrown.message : 'something failed inside';
    outcome.failed += 1;
    turn.vainInARow += 1;
    outcome.reason = reason;
    const { eventId } = event;
    log('warn', 'delivery.failed', { tenantId, subscriptionId, eventId, ...errorFields(thrown) });
    return reason;
  }
}

/**
 * The letter is written first: a crash in between writes it again. Where another target is in use by now nothing is given
 * up: that one has not been asked.
 */
async function giveUp(
  { subscriptions, letters, lanes, clock, log }: TurnDeps,
  turn: Turn,
  lane: LaneItem,
): Promise<LaneItem | undefined> {
  const { subscription, outcome } = turn;
  const stored = await subscriptions.get(subscription);
  if (!stored || !isSameTarget(stored, turn)) return undefined;
  const { tenantId, subscriptionId, lastError } = subscription;
  const [head] = lane.pending;
  if (!head) return undefined;
  const now = clock.now();
  const reason = outcome.reason ?? lastError?.reason ?? 'it was not taken in time';
  await letters.put(deadLetter(lane.deliveryKey, head, reason, now));
  outcome.givenUp += 1;
  log('warn', 'delivery.given_up', { tenantId, subscriptionId, eventId: head.event.eventId, reason });
  return changeLane(lanes, lane, (stored) => stored && without(stored, head, now), lane);
}

function report(
  { log }: TurnDeps,
  { tenantId, subscriptionId }: SubscriptionKey,
  { delivered, failed: vain, givenUp, reason }: TurnOutcome,
  { failures = 0 }: SubscriptionItem,
): void {
  const of = { tenantId, subscriptionId, delivered, failed: vain, givenUp };
  // Once, and not with every try of the days that it may take. A warning: it is the tenant's to mend.
  if (vain > 0 && delivered === 0 && failures === 0) log('warn', 'subscription.failing', { ...of, reason });
  else if (failures > 0 && delivered > 0) log('info', 'subscription.recovered', of);
  else if (delivered + vain + givenUp > 0) log('info', 'delivery.turn', of);
}
