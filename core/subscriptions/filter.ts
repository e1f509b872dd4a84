import { z } from 'zod';
import type { AlertEvent } from '../alert-event.ts';
import { severities } from '../model.ts';

const anyOf = <S extends z.ZodType>(value: S, countMax: number) => z.array(value).min(1).max(countMax);

/** Which alerts a subscription is for: each list that is given must hold the alert's own value. */
export const subscriptionFilterSchema = z.strictObject({
  severities: anyOf(z.enum(severities), severities.length).optional(),
  /** Free text: a condition that comes with a later version may be named before it. */
  conditionIds: anyOf(z.string().regex(/^[A-Za-z][A-Za-z0-9]{0,63}$/), 50).optional(),
  gatewayIds: anyOf(z.string().min(1).max(64), 100).optional(),
});
export type SubscriptionFilter = z.infer<typeof subscriptionFilterSchema>;

export function passesFilter(
  filter: SubscriptionFilter | undefined,
  { severity, conditionId, gatewayId }: Pick<AlertEvent, 'severity' | 'conditionId' | 'gatewayId'>,
): boolean {
  const holds = (list: readonly string[] | undefined, value: string) => !list || list.includes(value);
  return (
    holds(filter?.severities, severity) &&
    holds(filter?.conditionIds, conditionId) &&
    holds(filter?.gatewayIds, gatewayId)
  );
}
