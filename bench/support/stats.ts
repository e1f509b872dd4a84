/** Lower of the two middle ones where the count is even: a median that was measured. */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** Nearest rank; `share` from 0 to 1. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const rank = Math.max(0, Math.ceil(share * sorted.length) - 1);
  return sorted[rank] ?? NaN;
}
