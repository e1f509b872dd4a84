import { z } from 'zod';
import type { AlertEvent } from '../alert-event.ts';
import { severities } from '../model.ts';
import { isSameTarget, type TargetAddress, type TargetKind } from './targets.ts';

const anyOf = <S extends z.ZodType>(value: S, countMax: number) => z.array(value).min(1).max(countMax);

/** Which alerts a subscription is for: each list that is given must hold the alert's own value. */
export const subscriptionFilterSchema = z.strictObject({
  severities: anyOf(z.enum(severities), severities.length).optional(),
  /** Which there are is asked where it is put: what is stored may name one that a later version has no more. */
  conditionIds: anyOf(z.string().regex(/^[A-Za-z][A-Za-z0-9]{0,63}$/), 50).optional(),
  gatewayIds: anyOf(z.string().min(1).max(64), 100).optional(),
});
export type SubscriptionFilter = z.infer<typeof subscriptionFilterSchema>;

/** A subscription as far as its targets and their filters go. */
interface Filtered extends TargetAddress {
  kind: TargetKind;
  filter?: SubscriptionFilter;
  next?: TargetAddress & { kind: TargetKind; filter?: SubscriptionFilter };
}

/** What stays where a target is put again, or another one, and no filter is named: its own, else that of the one in use. */
export const knownFilter = (known: Filtered, target: TargetAddress & { kind: TargetKind }) =>
  (known.next && isSameTarget(known.next, target) ? known.next : known).filter;

/**
 * A digest passes where something in it does; which gateways are in it nobody can tell, so it passes for all of them. An
 * incident of many gateways has a condition of its own and stands for alerts that nobody is told of by themselves: it is
 * held to its severity alone.
 */
export function passesFilter(
  filter: SubscriptionFilter | undefined,
  event: Pick<AlertEvent, 'severity' | 'conditionId' | 'gatewayId' | 'digest'>,
): boolean {
  if (event.gatewayId === '' && !event.digest) return holdsAll({ severities: filter?.severities }, event);
  if (!event.digest) return holdsAll(filter, event);
  const ofMany = { ...filter, gatewayIds: undefined };
  return event.digest.counts.some((each) => holdsAll(ofMany, { ...each, gatewayId: '' }));
}

function holdsAll(
  filter: { [Name in keyof SubscriptionFilter]?: SubscriptionFilter[Name] | undefined } | undefined,
  { severity, conditionId, gatewayId }: Pick<AlertEvent, 'severity' | 'conditionId' | 'gatewayId'>,
): boolean {
  const holds = (list: readonly string[] | undefined, value: string) => !list || list.includes(value);
  return (
    holds(filter?.severities, severity) &&
    holds(filter?.conditionIds, conditionId) &&
    holds(filter?.gatewayIds, gatewayId)
  );
}
