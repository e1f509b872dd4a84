import { z } from 'zod';
import { alertStates, severities, type AlertItem } from '../model.ts';

const time = z.number();
const count = z.int().nonnegative();
const state = z.enum(alertStates);
const group = z.looseObject({ customers: time, gateways: time });
const value = z.looseObject({ attribute: z.string(), value: z.string() });
const pattern = value.extend({
  ...{ conditionId: z.string(), windowMs: time, foundAt: time },
  ...{ hitCustomers: time, failingGateways: time, expectedCustomers: time },
  carriers: group,
  outside: group.optional(),
  indistinguishable: z.array(value),
  within: value.extend({ indistinguishable: z.array(value) }).optional(),
  gateways: z.array(z.looseObject({ tenantId: z.string(), gatewayId: z.string() })),
});

/** What transitions, events and answers take a stored alert for; what a later version has beside it stays. */
const storedAlert = z.looseObject({
  ...{ tenantId: z.string(), gatewayId: z.string(), conditionId: z.string(), component: z.string() },
  severity: z.enum(severities),
  state,
  frozenState: state.optional(),
  summary: z.string(),
  value: time.optional(),
  ...{ version: count, episode: count, seq: count, changedAt: count, evaluatedAt: time },
  ...{ pendingSince: time.optional(), raisedAt: time.optional(), firedAt: time.optional() },
  ...{ ackedAt: time.optional(), toldAt: time.optional(), remindedAt: time.optional() },
  ...{ missingSince: time.optional(), clearSince: time.optional(), resolvedAt: time.optional() },
  reminders: count.optional(),
  inhibitedBy: z.string().optional(),
  heldBy: z.string().optional(),
  lastDigest: z.looseObject({ eventId: z.string(), fromSeq: count, seq: count }).optional(),
  suggested: z.looseObject({ kind: z.string(), params: z.record(z.string(), z.unknown()) }).optional(),
  pattern: pattern.optional(),
  outbox: z.array(
    z.looseObject({ eventId: z.string(), type: z.enum(['firing', 'reminder', 'resolved']), at: time }),
  ),
  audit: z.array(z.looseObject({ at: time, state })),
});

/**
 * The first field of a stored alert that is not what it is taken for; undefined: it is whole. Of one that is damaged
 * nothing is made: it would be a resolve that nobody hears of, a write whose condition is never met, or an event for whose
 * sake the bus refuses others.
 */
export function damageOf(item: AlertItem): string | undefined {
  const issue = storedAlert.safeParse(item).error?.issues[0];
  return issue && String(issue.path[0] ?? 'item');
}
