import pLimit from 'p-limit';
import type { Log } from '../../core/log.ts';
import { errorFields } from '../aws/invocation.ts';
import type { SubscriptionKey, SubscriptionStore } from './ports.ts';

export interface DueDeps {
  readonly subscriptions: Pick<SubscriptionStore, 'listDue'>;
  /** Has a turn of the subscription run, each by itself: nobody waits for another's target. */
  readonly start: (key: SubscriptionKey) => Promise<void>;
  readonly now: () => number;
  readonly log: Log;
}

const startsAtOnce = 16;
const turnCountMax = 1_000;

export interface DueReport {
  turnCount: number;
  failureCount: number;
}

/** Starts a turn of every subscription that is due, those first that wait longest. */
export async function runDue({ subscriptions, start, now, log }: DueDeps): Promise<DueReport> {
  const report: DueReport = { turnCount: 0, failureCount: 0 };
  const limit = pLimit(startsAtOnce);
  const due = await subscriptions.listDue(now(), turnCountMax);
  await Promise.all(
    due.map((key) =>
      limit(async () => {
        try {
          await start(key);
          report.turnCount += 1;
        } catch (thrown) {
          // One subscription's trouble must not keep the others waiting; it is due again at the next tick.
          report.failureCount += 1;
          log('error', 'delivery.not_started', { ...key, ...errorFields(thrown) });
        }
      }),
    ),
  );
  return report;
}
