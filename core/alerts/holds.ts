import { z } from 'zod';
import { configurationSchema } from '../configuration/configuration.ts';
import { isMaintenance } from '../configuration/windows.ts';
import type { AlertItem } from '../model.ts';
import type { AlertHold, SilenceItem } from './model.ts';

/**
 * Alerts of which nobody is to be told for a while: of a gateway in its maintenance window, or silenced. They are judged
 * like all others, and what still fires at the end is told then.
 */

/** Whether the change tells of trouble; a resolve does not, and is never held: somebody waits for it. */
export function tellsOfTrouble(before: AlertItem | undefined, after: AlertItem): boolean {
  const seqBefore = before?.seq ?? 0;
  return after.seq > seqBefore && after.outbox.at(-1)?.type !== 'resolved';
}

/** What may be held. */
export type Holdable = Pick<AlertItem, 'tenantId' | 'gatewayId' | 'conditionId' | 'component'>;

/** The silence that keeps the news of this alert back now; undefined: none does. */
export function silenceHold(
  alert: Omit<Holdable, 'tenantId'>,
  silences: readonly SilenceItem[],
  now: number,
): AlertHold | undefined {
  const silence = silenceOf(alert, silences, now);
  return silence && `silence/${silence.silenceId}`;
}

/** Of a stored configuration what says when work is expected: nothing else in it decides here. */
const windowsSchema = z.object(configurationSchema.pick({ timeZone: true, maintenance: true }).shape);

/** Whether a gateway is in its maintenance window, by its configuration as it is stored; undefined: that is damaged. */
export function isInWindow(stored: unknown, now: number): boolean | undefined {
  const { success, data } = windowsSchema.safeParse(stored);
  return success ? isMaintenance(data, now) : undefined;
}

/** The one that an alert names of those that hold it: the same in whatever order they were found, since a change is a write. */
export const firstHold = (holds: Iterable<AlertHold>): AlertHold | undefined => [...holds].sort()[0];

/** The silence that holds now and fits the alert, the first of them. */
export const silenceOf = (
  alert: Omit<Holdable, 'tenantId'>,
  silences: readonly SilenceItem[],
  now: number,
): SilenceItem | undefined => silences.find((each) => isSilencing(each, now) && isMeant(each, alert));

export const isSilencing = ({ endsAt, endedAt }: SilenceItem, now: number): boolean =>
  now < endsAt && endedAt === undefined;

/** Whether what names these names the alert; what names nothing names every one. */
export const isMeant = (
  silence: Partial<Omit<Holdable, 'tenantId'>>,
  alert: Omit<Holdable, 'tenantId'>,
): boolean =>
  (['gatewayId', 'conditionId', 'component'] as const).every(
    (name) => silence[name] === undefined || silence[name] === alert[name],
  );
