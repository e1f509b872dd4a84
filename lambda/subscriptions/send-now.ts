import { z } from 'zod';
import type { SubscriptionMessage } from '../../core/alert-event.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { addressee } from '../../core/subscriptions/rules.ts';
import { errorFields } from '../aws/invocation.ts';
import type { Send, SubscriptionKey, SubscriptionStore } from './ports.ts';

export const sentSchema = z.object({
  isTaken: z.boolean(),
  /** Of the whole try. */
  durationMs: z.number(),
  /** Why it was not taken. */
  reason: z.string().optional(),
});
export type Sent = z.infer<typeof sentSchema>;

interface Deps {
  subscriptions: Pick<SubscriptionStore, 'get'>;
  send: Send;
  clock: { now: () => number };
  log: Log;
}

/** A challenge or a test, once, while somebody waits for what comes of it. NOT_FOUND. */
export async function sendNow(
  { subscriptions, send, clock, log }: Deps,
  { tenantId, subscriptionId, message }: SubscriptionKey & { message: SubscriptionMessage },
): Promise<Sent> {
  const key = { tenantId, subscriptionId };
  const subscription = await subscriptions.get(key);
  if (!subscription) throw new HoldfastError('NOT_FOUND', `there is no subscription ${subscriptionId}`);
  const startedAt = clock.now();
  try {
    await send(addressee(subscription, message), message);
    return { isTaken: true, durationMs: clock.now() - startedAt };
  } catch (thrown) {
    log('warn', 'delivery.failed', { ...key, ...errorFields(thrown) });
    const reason = thrown instanceof HoldfastError ? thrown.message : 'something failed inside';
    return { isTaken: false, durationMs: clock.now() - startedAt, reason };
  }
}
