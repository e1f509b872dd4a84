import { z } from 'zod';
import { resolveReasons } from './alerts/model.ts';
import { severities } from './model.ts';

/** What EventBridge and the customer's queue carry. Unordered and at least once: `eventId` identifies it. */
export const alertEventSource = 'holdfast';
export const alertDetailTypes = {
  firing: 'Holdfast Alert Firing',
  reminder: 'Holdfast Alert Reminder',
  resolved: 'Holdfast Alert Resolved',
  digest: 'Holdfast Alert Digest',
} as const;

/** Events in one digest: their ids are what makes it large, and it must stay below EventBridge's 256 KB. */
export const digestEventsMax = 1_000;
const eventIds = z.array(z.string().max(128)).max(digestEventsMax);

/** Many events of one tenant in one. Each stands in it with the id that it would have had by itself. */
export const alertDigestSchema = z.object({
  /** How many of each kind, the worst first. */
  counts: z
    .array(
      z.object({
        type: z.enum(['firing', 'reminder', 'resolved']),
        conditionId: z.string().max(64),
        severity: z.enum(severities),
        count: z.number().int(),
      }),
    )
    .max(digestEventsMax),
  gatewayCount: z.number().int(),
  /** A few to look at first. */
  first: z
    .array(
      z.object({
        eventId: z.string().max(128),
        gatewayId: z.string().max(64),
        conditionId: z.string().max(64),
        component: z.string().max(128),
        summary: z.string().max(500),
      }),
    )
    .max(10),
  /** All of them. */
  firing: eventIds,
  reminder: eventIds,
  resolved: eventIds,
});
export type AlertDigest = z.infer<typeof alertDigestSchema>;

export const alertEventSchema = z.object({
  eventId: z.string().max(128),
  type: z.enum(['firing', 'reminder', 'resolved', 'digest']),
  alertKey: z.string().max(64),
  episode: z.number().int(),
  seq: z.number().int(),
  tenantId: z.string().max(64),
  gatewayId: z.string().max(64),
  conditionId: z.string().max(64),
  component: z.string().max(128),
  severity: z.enum(severities),
  summary: z.string().max(500),
  at: z.number().int(),
  suggested: z
    .object({ kind: z.string().max(64), params: z.record(z.string(), z.union([z.string(), z.number()])) })
    .optional(),
  /** Of a reminder: which one, from 1, and whether so many went unanswered that somebody else should hear of it. */
  reminder: z.number().int().optional(),
  isEscalated: z.boolean().optional(),
  /** Of a resolve: why. Without it: it reads well. */
  reason: z.enum(resolveReasons).optional(),
  /** Of a reminder and a resolve: when the firing that it belongs to was told, Unix ms. */
  firingAt: z.number().int().optional(),
  /** `eventId` of the digest that told of what was right before it. */
  follows: z.string().max(128).optional(),
  /** The first `seq` of those before it that came in digests, one after the other. */
  digestedFromSeq: z.number().int().optional(),
  /** Of a digest, which has no gateway, condition or component of its own. */
  digest: alertDigestSchema.optional(),
});
export type AlertEvent = z.infer<typeof alertEventSchema>;

/** Fields and types may be added to it; what is there keeps its meaning, or the number changes. */
export const subscriptionMessageVersion = 1;

/** What a subscriber gets, whatever its target is: docs/alert-events.md describes it. */
export const subscriptionMessageSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('challenge'),
    tenantId: z.string().max(64),
    subscriptionId: z.string().max(64),
    challenge: z.string().max(128),
  }),
  z.object({
    type: z.literal('alert'),
    version: z.literal(subscriptionMessageVersion).optional(),
    event: alertEventSchema,
  }),
  /** Sent because somebody asked for it. */
  z.object({
    type: z.literal('test'),
    tenantId: z.string().max(64),
    subscriptionId: z.string().max(64),
    testId: z.string().max(64),
  }),
]);
export type SubscriptionMessage = z.infer<typeof subscriptionMessageSchema>;
