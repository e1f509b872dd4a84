import { alertEventSchema, type AlertEvent } from '../../core/alert-event.ts';
import { HoldfastError } from '../../core/errors.ts';
import { passesFilter } from '../../core/subscriptions/filter.ts';
import { errorFields } from '../aws/invocation.ts';
import { enlistEvent, type EnlistDeps } from '../subscriptions/enlist-event.ts';

/**
 * Puts one alert event into the lane of every confirmed subscription of its tenant that is for such alerts. All are
 * tried before UNAVAILABLE is thrown for those that failed: the retry repeats the others too, and a lane takes an event
 * once. An event that is not one of ours is dropped: repeating it would not help.
 */
export async function routeAlert(deps: EnlistDeps, detail: unknown): Promise<void> {
  const parsed = alertEventSchema.safeParse(detail);
  if (!parsed.success)
    return deps.log('error', 'router.bad_event', { message: parsed.error.message.slice(0, 500) });
  const event: AlertEvent = parsed.data;
  const { eventId, tenantId } = event;
  const meant = (await deps.subscriptions.ofTenant(tenantId)).filter(
    ({ state, filter }) => state === 'confirmed' && passesFilter(filter, event),
  );
  const enlisted = await Promise.allSettled(
    meant.map((subscription) => enlistEvent(deps, subscription, event)),
  );
  enlisted.forEach((result, i) => {
    if (result.status === 'rejected')
      deps.log('error', 'router.enlist_failed', {
        eventId,
        tenantId,
        subscriptionId: meant[i]?.subscriptionId,
        ...errorFields(result.reason),
      });
  });
  const failed = enlisted.filter(({ status }) => status === 'rejected').length;
  deps.log('info', 'router.routed', { eventId, tenantId, enlisted: enlisted.length - failed, failed });
  if (failed > 0)
    throw new HoldfastError('UNAVAILABLE', `${eventId}: ${failed} of ${enlisted.length} lanes failed`, {
      hint: 'the event is retried; see the router.enlist_failed lines',
    });
}
