import type { AlertEvent } from '../../core/alert-event.ts';
import { parseEventId } from '../../core/alerts/alert-key.ts';
import type { Log } from '../../core/log.ts';
import { enlist } from '../../core/subscriptions/lane.ts';
import type { DeadLetterItem, LaneEntry, SubscriptionItem } from '../../core/subscriptions/model.ts';
import { deliveryKeyOf, wakeLater, wakeNow } from '../../core/subscriptions/rules.ts';
import { errorFields } from '../aws/invocation.ts';
import type { Clock } from '../commands/ports.ts';
import { changeLane } from './change-lane.ts';
import type { DeadLetterStore, LaneStore, SubscriptionKey, SubscriptionStore } from './ports.ts';

export interface EnlistDeps {
  readonly subscriptions: SubscriptionStore;
  readonly lanes: LaneStore;
  readonly letters: DeadLetterStore;
  readonly clock: Clock;
  /** Has a turn of the subscription begin soon. A tick begins it where this fails. */
  readonly start: (key: SubscriptionKey) => Promise<void>;
  readonly log: Log;
}

/**
 * Puts an event into the lane of its alert, then wakes the subscription. A crash in between is healed by doing it again:
 * the lane takes an event once, and waking is harmless.
 */
export async function enlistEvent(
  deps: EnlistDeps,
  subscription: SubscriptionItem,
  event: AlertEvent,
  { again = false }: { again?: boolean } = {},
): Promise<void> {
  const { clock, lanes, letters } = deps;
  const deliveryKey = deliveryKeyOf(subscription);
  const now = clock.now();
  const isBehindDigest = await isDigestPassed(deps, deliveryKey, event.follows);
  const { confirmedAt = -Infinity } = subscription;
  const isOlder = event.firingAt !== undefined && event.firingAt < confirmedAt;
  await changeLane(lanes, { deliveryKey, alertKey: event.alertKey }, async (stored) => {
    const enlisted = enlist(stored, { deliveryKey, event }, { now, again, isBehindDigest, isOlder });
    if (enlisted?.overflow)
      await letters.put(deadLetter(deliveryKey, enlisted.overflow, 'too many of its alert wait', now));
    return enlisted?.lane ?? stored;
  });
  await wake(deps, subscription);
}

/** Whether the digest is out, or given up. One that still waits is waited for as any event is. */
async function isDigestPassed(
  { lanes }: Pick<EnlistDeps, 'lanes'>,
  deliveryKey: string,
  digestId: string | undefined,
): Promise<boolean> {
  const id = digestId === undefined ? undefined : parseEventId(digestId);
  const lane = id && (await lanes.get({ deliveryKey, alertKey: id.alertKey }));
  return lane !== undefined && lane.pending.length === 0;
}

/** A turn begins now, unless the subscription rests after one in vain. */
export async function wake(deps: EnlistDeps, subscription: SubscriptionItem): Promise<void> {
  const { subscriptions, clock } = deps;
  const { tenantId, subscriptionId } = subscription;
  const awake = clock.newId();
  if (await subscriptions.update(subscription, wakeNow(subscription, awake, clock.now())))
    await startTurn(deps, { tenantId, subscriptionId });
  // Where neither holds, the tenant has changed it or taken it away.
  else await subscriptions.update(subscription, wakeLater(subscription, awake));
}

/** Where it does not start, the next tick starts it. */
export const startTurn = (
  { start, log }: Pick<EnlistDeps, 'start' | 'log'>,
  key: SubscriptionKey,
): Promise<void> =>
  start(key).catch((thrown: unknown) =>
    log('warn', 'delivery.not_started', { ...key, ...errorFields(thrown) }),
  );

const keepLettersMs = 30 * 24 * 3_600_000;

export const deadLetter = (
  deliveryKey: string,
  { event, at }: LaneEntry,
  reason: string,
  now: number,
): DeadLetterItem => ({
  deliveryKey,
  // By when it came, so that giving it up twice makes one letter.
  letterId: `${String(at).padStart(15, '0')}.${event.eventId}`,
  event,
  givenUpAt: now,
  reason,
  expiresAtSec: Math.ceil((now + keepLettersMs) / 1_000),
});
