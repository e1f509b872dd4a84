import type { AlertItem, Severity } from '../model.ts';

/** How often an alert that nobody answers is told again, ms; undefined: never. */
export const reminderEveryMs: Readonly<Record<Severity, number | undefined>> = {
  critical: 4 * 3_600_000,
  warning: 24 * 3_600_000,
  info: undefined,
};
/** Whoever has not answered six will not answer the seventh. */
export const remindersMax = 6;
/** After this many that went unanswered it is for somebody else. */
const escalatedAfter = 2;

/** True when it is time to tell again of an alert that fires, was told and was not answered, nor is said by another. */
export function isReminderDue(item: AlertItem, now: number): boolean {
  const everyMs = reminderEveryMs[item.severity];
  if (everyMs === undefined || item.inhibitedBy !== undefined) return false;
  const since = Math.max(item.remindedAt ?? 0, item.toldAt ?? item.firedAt ?? now);
  return (item.reminders ?? 0) < remindersMax && now - since >= everyMs;
}

export const isEscalated = (reminder: number): boolean => reminder > escalatedAfter;
