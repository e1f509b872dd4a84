import type { DetectionFields } from './simulate.ts';

/** Detection is as good as is promised where p99 is no more than this behind the for-duration, ms. */
export const delayP99MaxMs = 140_000;
export const falsePer1000GatewayDaysMax = 1;

export interface DetectionReport {
  gatewayDays: number;
  outages: number;
  faults: number;
  missed: number;
  /** Came back while the firing about the last one was in force. */
  toldBefore: number;
  falseFirings: number;
  falsePer1000GatewayDays: number;
  /** Over all: ms from when the for-duration was over until the event was out. */
  delayP50Ms: number;
  delayP99Ms: number;
  p99MsByCondition: Record<string, number>;
  /** Of outages without a word: ms until the silence was one. Not in the delays: the for-duration counts from there. */
  silentP99Ms: number;
  holds: boolean;
}

export function reportOf(fields: DetectionFields): DetectionReport {
  const all = Object.values(fields.delaysMs).flat();
  const falsePer1000GatewayDays = round((1_000 * fields.falseFirings.length) / fields.gatewayDays, 3);
  const delayP99Ms = percentile(all, 0.99);
  return {
    gatewayDays: fields.gatewayDays,
    outages: fields.outages,
    faults: fields.faults,
    missed: fields.missed.length,
    toldBefore: fields.toldBefore,
    falseFirings: fields.falseFirings.length,
    falsePer1000GatewayDays,
    delayP50Ms: percentile(all, 0.5),
    delayP99Ms,
    p99MsByCondition: Object.fromEntries(
      Object.entries(fields.delaysMs).map(([name, delays]) => [name, percentile(delays, 0.99)]),
    ),
    silentP99Ms: percentile(fields.silentMs, 0.99),
    holds:
      delayP99Ms <= delayP99MaxMs &&
      falsePer1000GatewayDays <= falsePer1000GatewayDaysMax &&
      fields.missed.length === 0,
  };
}

/** Nearest rank; 0 of nothing. */
function percentile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.max(0, Math.ceil(fraction * sorted.length) - 1)] ?? 0);
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits));

export function addFields(sum: DetectionFields, more: DetectionFields): void {
  for (const name of ['gatewayDays', 'outages', 'faults', 'toldBefore'] as const) sum[name] += more[name];
  // No spread: a full run has more of them than a call has room for arguments.
  sum.silentMs = sum.silentMs.concat(more.silentMs);
  sum.falseFirings = sum.falseFirings.concat(more.falseFirings);
  sum.missed = sum.missed.concat(more.missed);
  for (const [name, delays] of Object.entries(more.delaysMs))
    sum.delaysMs[name] = (sum.delaysMs[name] ?? []).concat(delays);
}
