import type { AlertStep } from '../../core/alerts/alert-plan.ts';
import { rewound, settled } from '../../core/alerts/inhibition.ts';
import type { AlertItem } from '../../core/model.ts';
import type { TickDeps } from './ports.ts';

/** Two proxies at work at once meet this often on one alert at most; then the next tick goes on. */
export const conflictsMax = 4;

export interface StepContext {
  now: number;
  /** Nobody watched since the tick before. */
  isAfterGap: boolean;
  /** Who inhibits the alert; asked for each copy of it. */
  inhibitor?: (stored: AlertItem | undefined) => string | undefined;
}

/** Applies a step, on a newer copy where somebody else wrote in between. */
export async function takeStep(
  { alerts, log }: Pick<TickDeps, 'alerts' | 'log'>,
  { alertKey, known, apply }: AlertStep,
  { now, isAfterGap, inhibitor }: StepContext,
): Promise<{ item: AlertItem | undefined; wrote: boolean }> {
  let stored = known ?? (await alerts.get(alertKey));
  for (let conflict = 0; conflict < conflictsMax; conflict++) {
    const after = apply(stored && isAfterGap ? rewound(stored, now) : stored, now);
    // Nothing came of what was not there.
    if (!after || (!stored && after.version === 0)) return { item: stored, wrote: false };
    const next = settled(stored, after, inhibitor?.(stored), now);
    if (next === stored) return { item: stored, wrote: false };
    if (await alerts.put(next)) {
      const { gatewayId, conditionId, state } = next;
      if (state !== stored?.state) log('info', 'alert.changed', { alertKey, gatewayId, conditionId, state });
      return { item: next, wrote: true };
    }
    stored = await alerts.get(alertKey);
  }
  log('warn', 'alert.contended', { alertKey });
  return { item: stored, wrote: false };
}
