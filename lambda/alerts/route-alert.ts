import { alertEventSchema, type AlertEvent, type SubscriptionMessage } from '../../core/alert-event.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { SubscriptionItem } from '../../core/model.ts';
import { errorFields } from '../aws/invocation.ts';

export interface RouterDeps {
  /** Every subscription of the tenant, pending ones too. */
  subscriptions: (tenantId: string) => Promise<SubscriptionItem[]>;
  send: (queueUrl: string, message: SubscriptionMessage) => Promise<void>;
  log: Log;
}

/**
 * Sends one alert event to every queue that its tenant confirmed. All are tried before UNAVAILABLE is thrown for those
 * that failed: the retry repeats the others too, and subscribers tell repetitions by the event's id.
 * An event that is not one of ours is dropped: repeating it would not help.
 */
export async function routeAlert(deps: RouterDeps, detail: unknown): Promise<void> {
  const parsed = alertEventSchema.safeParse(detail);
  if (!parsed.success)
    return deps.log('error', 'router.bad_event', { message: parsed.error.message.slice(0, 500) });
  const event: AlertEvent = parsed.data;
  const { eventId, tenantId } = event;
  const confirmed = (await deps.subscriptions(tenantId)).filter(({ state }) => state === 'confirmed');
  const sent = await Promise.allSettled(
    confirmed.map(({ queueUrl }) => deps.send(queueUrl, { type: 'alert', event })),
  );
  const failed = confirmed.filter((_, i) => sent[i]?.status === 'rejected');
  sent.forEach((result, i) => {
    if (result.status === 'rejected')
      deps.log('error', 'router.send_failed', {
        eventId,
        tenantId,
        subscriptionId: confirmed[i]?.subscriptionId,
        ...errorFields(result.reason),
      });
  });
  deps.log('info', 'router.routed', {
    eventId,
    tenantId,
    sent: sent.length - failed.length,
    failed: failed.length,
  });
  if (failed.length > 0)
    throw new HoldfastError('UNAVAILABLE', `${eventId}: ${failed.length} of ${sent.length} queues failed`, {
      hint: 'the event is retried; see the router.send_failed lines',
    });
}
