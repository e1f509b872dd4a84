import {
  absent,
  all,
  any,
  equal,
  less,
  present,
  type Condition,
  type GuardedUpdate,
} from '../routes/guarded-update.ts';
import type { SubscriptionMessage } from '../alert-event.ts';
import { HoldfastError } from '../errors.ts';
import { secretHash } from '../identity/secrets.ts';
import { turnWaitMs } from './lane.ts';
import type { NextTarget, SendBudgetItem, SubscriptionItem } from './model.ts';
import { addressFields } from './targets.ts';

/**
 * The writes on a subscription. Each is one conditional write on its item. Only the turn that holds the lease sends, so
 * that no two send one alert's events at once; a lease ends after the turn that took it.
 */

/** One shard: what goes well is open for moments only. */
export const openShard = '0';
const reasonLengthMax = 200;

/** Functions run on clocks of their own: what is due within this time is due. */
export const clockSlackMs = 1_000;

type Named = Pick<SubscriptionItem, 'tenantId' | 'subscriptionId' | 'deliveryKey'>;

/** Subscriptions that are older than lanes have no key of their own yet. */
export const deliveryKeyOf = ({ tenantId, subscriptionId, deliveryKey }: Named): string =>
  deliveryKey ?? `${tenantId}/${subscriptionId}/first`;
const sameTarget = ({ deliveryKey }: Named): Condition =>
  deliveryKey === undefined ? absent('deliveryKey') : equal('deliveryKey', deliveryKey);

/** So long the target that is to follow a confirmed one waits for the echo of its challenge. */
export const nextTargetMs = 24 * 3_600_000;

/** Another target for one that is confirmed, which goes on until the tenant has echoed what is sent to the other. */
export const follow = ({ challengeHash }: SubscriptionItem, next: NextTarget): GuardedUpdate => ({
  when: all(equal('state', 'confirmed'), equal('challengeHash', challengeHash)),
  set: { next },
});

/** The target that is to follow, while it may. */
export const nextOf = ({ next }: Pick<SubscriptionItem, 'next'>, at: number): NextTarget | undefined =>
  next && at < next.expiresAt ? next : undefined;

/** The tenant echoed a challenge: the first target's, or that of the one that is to follow and now does. */
export function confirm(item: SubscriptionItem, challengeHash: string, at: number): GuardedUpdate {
  const next = nextOf(item, at);
  if (next?.challengeHash === challengeHash) return takeOver(next, at);
  return {
    when: equal('challengeHash', challengeHash),
    set: { state: 'confirmed', confirmedAt: at },
    remove: ['challengeError'],
  };
}

/** A target did not take its challenge: the first one, or the one that is to follow. An echo of it counts all the same. */
export function challengeFailed(
  { state, challengeHash, next }: Pick<SubscriptionItem, 'state' | 'challengeHash' | 'next'>,
  { at, reason = 'it was not taken' }: { at: number; reason: string | undefined },
): GuardedUpdate {
  const challengeError = { at, reason: reason.slice(0, reasonLengthMax) };
  return next
    ? {
        when: equal('next.challengeHash', next.challengeHash),
        set: { 'next.challengeError': challengeError },
      }
    : {
        when: all(equal('state', state), equal('challengeHash', challengeHash)),
        set: { challengeError },
      };
}

/**
 * Lanes and lease stay: what waits goes to the new target, in order, and the turn that is at work finds it there. Without
 * one, a turn may begin at once, whenever the old target was to be tried again.
 */
function takeOver(
  { expiresAt: _expires, createdAt: _created, challengeError: _error, ...next }: NextTarget,
  at: number,
): GuardedUpdate {
  const ofTarget = [...Object.values(addressFields), 'filter', 'secrets'] as const;
  return {
    when: equal('next.challengeHash', next.challengeHash),
    set: { ...next, confirmedAt: at, openShard, dueAt: at },
    remove: [
      'next',
      ...ofTarget.filter((name) => next[name] === undefined),
      ...['failures', 'failingSince', 'lastError', 'deliveredAt'],
    ],
  };
}

/** Where a message goes: a challenge of the target that is to follow goes there, all else to the one in use. */
export function addressee(item: SubscriptionItem, message: SubscriptionMessage): SubscriptionItem {
  const { tenantId, subscriptionId, next } = item;
  const isItsOwn = message.type === 'challenge' && next?.challengeHash === secretHash(message.challenge);
  return isItsOwn ? { ...next, tenantId, subscriptionId, state: 'pending' } : item;
}

/** Something came: a turn may begin at once. Not while it rests after a turn in vain. */
export const wakeNow = (of: Named, wake: string, at: number): GuardedUpdate => ({
  when: all(equal('state', 'confirmed'), sameTarget(of), any(absent('failures'), absent('openShard'))),
  set: { openShard, dueAt: at, wake },
});
/** Something came while it rests. */
export const wakeLater = (of: Named, wake: string): GuardedUpdate => ({
  when: all(equal('state', 'confirmed'), sameTarget(of), present('failures'), present('openShard')),
  set: { wake },
});

export const takeLease = (owner: string, now: { at: number; untilMs: number }): GuardedUpdate => ({
  when: all(
    equal('state', 'confirmed'),
    equal('openShard', openShard),
    less('dueAt', now.at + clockSlackMs),
    any(absent('lease'), less('lease.until', now.at), equal('lease.owner', owner)),
  ),
  set: { lease: { owner, until: now.untilMs } },
});

/** How a turn went. */
export interface TurnOutcome {
  delivered: number;
  /** Tries in vain, and what the last one said. */
  failed: number;
  reason?: string;
  /** Became dead letters. */
  givenUp: number;
}

/** The turn still has its lease, and what came of it is of the target that is still in use. */
const isStillOf = ({ lease, challengeHash }: Pick<SubscriptionItem, 'lease' | 'challengeHash'>): Condition =>
  all(equal('lease.owner', lease?.owner ?? ''), equal('challengeHash', challengeHash));

/**
 * Gives the lease back. `wake`: what it was before the turn looked for the last time, so that nothing that came since
 * is passed over. `dueAt`: when its lanes have something again; undefined: they are empty.
 */
export function endTurn(
  subscription: Pick<SubscriptionItem, 'lease' | 'challengeHash' | 'wake' | 'failures'>,
  outcome: TurnOutcome,
  { at, dueAt: nextAt, random }: { at: number; dueAt: number | undefined; random: number },
): GuardedUpdate {
  const { wake, failures } = subscription;
  const isWell = failures === undefined || outcome.delivered > 0;
  // While it fails it is looked at as often as after a turn in vain: what comes meanwhile does not wake it.
  const dueAt = nextAt === undefined || isWell ? nextAt : Math.min(nextAt, at + turnWaitMs(failures, random));
  return {
    when: all(isStillOf(subscription), wake === undefined ? absent('wake') : equal('wake', wake)),
    set: {
      ...(dueAt === undefined ? {} : { dueAt }),
      ...(outcome.delivered > 0 ? { deliveredAt: at } : {}),
      ...marksOf(outcome, at),
    },
    remove: [
      'lease',
      ...(dueAt === undefined ? ['openShard', 'dueAt'] : []),
      ...(outcome.delivered > 0 ? ['failures', 'failingSince'] : []),
    ],
  };
}

/** Nothing got through: it rests for longer each time. What came since is found then. */
export function endInVain(
  subscription: SubscriptionItem,
  outcome: TurnOutcome,
  { at, random }: { at: number; random: number },
): GuardedUpdate {
  const { failures = 0, failingSince } = subscription;
  return {
    when: isStillOf(subscription),
    set: {
      dueAt: at + turnWaitMs(failures + 1, random),
      failures: failures + 1,
      failingSince: failingSince ?? at,
      ...marksOf(outcome, at),
    },
    remove: ['lease'],
  };
}

export const isInVain = ({ delivered, failed }: TurnOutcome): boolean => failed > 0 && delivered === 0;

const marksOf = ({ failed, reason = '', givenUp }: TurnOutcome, at: number): Record<string, unknown> => ({
  ...(failed > 0 ? { lastError: { at, reason: reason.slice(0, reasonLengthMax) } } : {}),
  ...(givenUp > 0 ? { givenUpAt: at } : {}),
});

/** Challenges and tests go where a tenant says: so many an hour for each tenant, whatever its subscriptions are. */
const sendsMax = 30;
const sendWindowMs = 3_600_000;

/** One more send at a tenant's request. Throws THROTTLED. */
export function spend(budget: SendBudgetItem | undefined, at: number): GuardedUpdate {
  const sentAt = (budget?.sentAt ?? []).filter((time) => at - time < sendWindowMs);
  if (sentAt.length >= sendsMax)
    throw new HoldfastError('THROTTLED', `a tenant has ${sendsMax} challenges and tests sent in an hour`, {
      hint: `the next one may go in ${Math.ceil(((sentAt[0] ?? at) + sendWindowMs - at) / 60_000)} min`,
    });
  return {
    when: budget ? equal('version', budget.version) : absent('version'),
    set: { sentAt: [...sentAt, at], version: (budget?.version ?? 0) + 1 },
  };
}
