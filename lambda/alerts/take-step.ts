import type { AlertStep } from '../../core/alerts/alert-plan.ts';
import { damageOf } from '../../core/alerts/damage.ts';
import { tellsOfTrouble } from '../../core/alerts/holds.ts';
import { isReleased, rewound, settled } from '../../core/alerts/inhibition.ts';
import type { AlertItem } from '../../core/model.ts';
import type { HoldLookup } from './hold-source.ts';
import type { TickDeps } from './ports.ts';

/** Two proxies at work at once meet this often on one alert at most; then the next tick goes on. */
export const conflictsMax = 4;

export interface StepContext {
  now: number;
  /** Nobody watched since the tick before. */
  isAfterGap: boolean;
  /** Who keeps the news of all these alerts back. */
  holdOf: HoldLookup;
  /** Who inhibits the alert; asked for each copy of it. */
  inhibitor?: (stored: AlertItem | undefined) => string | undefined;
}

/** What became of a step. `isDamaged`: nothing, because the stored alert cannot be read. */
export interface StepTaken {
  item: AlertItem | undefined;
  wrote: boolean;
  isDamaged?: boolean;
}

/** Applies a step, on a newer copy where somebody else wrote in between. */
export async function takeStep(
  { alerts, log }: Pick<TickDeps, 'alerts' | 'log'>,
  { alertKey, known, apply, members = [] }: AlertStep,
  { now, isAfterGap, holdOf, inhibitor }: StepContext,
): Promise<StepTaken> {
  const heldBy = async (alert: AlertItem) => (await holdOf([alert])) ?? holdOf(members);
  /** `known` was looked at with all that are open. */
  let stored = known ?? (await alerts.get(alertKey));
  let field = !known && stored && damageOf(stored);
  for (let conflict = 0; conflict < conflictsMax; conflict++) {
    if (field) {
      log('error', 'alert.damaged', { alertKey, field });
      return { item: undefined, wrote: false, isDamaged: true };
    }
    const before = stored && isAfterGap ? rewound(stored, now) : stored;
    let after = apply(before, now);
    if (after && tellsOfTrouble(stored, after)) after = apply(before, now, await heldBy(after));
    // Nothing came of what was not there.
    if (!after || (!stored && after.version === 0)) return { item: stored, wrote: false };
    const by = inhibitor?.(stored);
    const hold = isReleased(stored, after, by) ? await heldBy(after) : undefined;
    const next = settled(stored, after, { by, hold }, now);
    if (next === stored) return { item: stored, wrote: false };
    if (await alerts.put(next)) {
      const { gatewayId, conditionId, state } = next;
      if (state !== stored?.state) log('info', 'alert.changed', { alertKey, gatewayId, conditionId, state });
      return { item: next, wrote: true };
    }
    stored = await alerts.get(alertKey);
    field = stored && damageOf(stored);
  }
  log('warn', 'alert.contended', { alertKey });
  return { item: stored, wrote: false };
}
