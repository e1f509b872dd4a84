import { dayOf, dayMs, type FleetDay } from '../../core/design-report/fleet-day.ts';
import type { Log } from '../../core/log.ts';
import { errorFields } from '../aws/invocation.ts';
import type { DayStore } from './day-store.ts';

interface KeepDeps {
  days?: DayStore;
  log: Log;
}

/** Later than this after midnight too many onsets of the day are known no more: then the history lacks it. */
const lateMaxMs = 3 * 3_600_000;
/** A proxy that has just started knows few inventories; in this time it waits for them. */
const waitMaxMs = 30 * 60_000;
const unknownMax = 0.02;

/** The day that is over and that nobody has kept yet. Undefined mostly, and wherever that cannot be told. */
export async function dayToKeep({ days, log }: KeepDeps, now: number): Promise<number | undefined> {
  if (!days || now % dayMs > lateMaxMs) return undefined;
  const day = dayOf(now) - 1;
  try {
    return (await days.has(day)) ? undefined : day;
  } catch (thrown) {
    log('error', 'design-report.day_failed', errorFields(thrown));
    return undefined;
  }
}

/** Once a day. Whatever fails here costs no alert: the next tick tries again. */
export async function keepDay(
  { days, log }: KeepDeps,
  { day, unknown, gateways }: { day: FleetDay | undefined; unknown: number; gateways: number },
  now: number,
): Promise<void> {
  if (!days || !day) return;
  if (unknown > unknownMax * gateways && now % dayMs < waitMaxMs) return;
  try {
    if (await days.put(day)) log('info', 'design-report.day_kept', { gateways: day.gatewayIds.length });
  } catch (thrown) {
    log('error', 'design-report.day_failed', errorFields(thrown));
  }
}
