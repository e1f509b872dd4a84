import { damageOf } from '../../core/alerts/damage.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { AlertItem } from '../../core/model.ts';

/** Those that are not damaged. Each other one is logged: it costs itself, and not the list. */
export async function* wholeAlerts(found: AsyncIterable<AlertItem>, log: Log): AsyncGenerator<AlertItem> {
  for await (const item of found) {
    const field = damageOf(item);
    if (field === undefined) yield item;
    else log('error', 'alert.damaged', { alertKey: item.alertKey, field });
  }
}

/** Throws INTERNAL for one that is damaged: nothing can be said of it, and nothing is written over it. */
export function requireWhole(item: AlertItem): AlertItem {
  const field = damageOf(item);
  if (field === undefined) return item;
  throw new HoldfastError(
    'INTERNAL',
    `the stored alert ${item.alertKey} is damaged: its ${field} is not what it must be`,
    { hint: 'an operator deletes it from the Alerts table; what is still so fires anew then' },
  );
}
