/** What does not fill up within this time is not said to fill up. */
export const farMs = 30 * 24 * 3_600_000;
/** With fewer points, or over less than this many intervals between them, nothing is predicted. */
const pointsMin = 4;

/**
 * The slope of a line through points that outliers do not bend: the median of the slopes between any two of them
 * (Theil–Sen; up to 29 % of the points may be anything). Undefined where no two have different times.
 */
export function slopeOf(points: readonly (readonly [x: number, y: number])[]): number | undefined {
  const slopes = points.flatMap(([x, y], i) =>
    points.slice(i + 1).flatMap(([x2, y2]) => (x2 > x ? [(y2 - y) / (x2 - x)] : [])),
  );
  slopes.sort((a, b) => a - b);
  const middle = slopes.length / 2;
  const [low, high] = [slopes[Math.ceil(middle) - 1], slopes[Math.floor(middle)]];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}

/**
 * How long until a level reaches 1 when it goes on as it did since it was as full as this at most, ms; `farMs` where it is
 * no fuller than then, as each night of a copy that is deleted in the morning. `peaks` are times in minutes and levels.
 * Undefined: nothing is known of before `youngestMinutes` ago.
 */
export function fullSincePeakMs(
  peaks: readonly (readonly [minute: number, level: number])[],
  now: { minute: number; level: number },
  { youngestMinutes, tolerance }: { youngestMinutes: number; tolerance: number },
): number | undefined {
  const old = peaks.filter(([minute]) => now.minute - minute >= youngestMinutes);
  if (old.length === 0) return undefined;
  const top = Math.max(...old.map(([, level]) => level));
  // As full for hours is as full as in the last of them.
  const since = Math.max(...old.filter(([, level]) => level >= top - tolerance).map(([minute]) => minute));
  const rise = now.level - top;
  if (rise <= tolerance) return farMs;
  return Math.min(farMs, (Math.max(0, 1 - now.level) / rise) * (now.minute - since) * 60_000);
}

/**
 * How long until a level reaches 1 when it goes on as it did, ms; `farMs` where it does not. `points` are times in
 * minutes and levels, oldest first, `spacing` the usual time between them. Undefined: too little is known.
 */
export function fullInMs(
  points: readonly (readonly [minute: number, level: number])[],
  now: { minute: number; level: number },
  spacing: number,
): number | undefined {
  const all = [...points.filter(([minute]) => minute < now.minute), [now.minute, now.level] as const];
  const first = all[0]?.[0] ?? now.minute;
  if (all.length < pointsMin || now.minute - first < pointsMin * spacing) return undefined;
  const slope = slopeOf(all);
  if (slope === undefined) return undefined;
  const leftMs = slope > 0 ? (Math.max(0, 1 - now.level) / slope) * 60_000 : farMs;
  return Math.min(farMs, leftMs);
}
