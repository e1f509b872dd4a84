import { z } from 'zod';
import { severities } from './model.ts';

/** What EventBridge and the customer's queue carry. Unordered and at least once: `eventId` identifies it. */
export const alertEventSource = 'holdfast';
export const alertDetailTypes = {
  firing: 'Holdfast Alert Firing',
  resolved: 'Holdfast Alert Resolved',
} as const;

export const alertEventSchema = z.object({
  eventId: z.string().max(128),
  type: z.enum(['firing', 'resolved']),
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
