const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `90s`, `15m`, `24h`, `7d` as milliseconds; undefined for what is none of these. */
export function durationMsOf(text: string): number | undefined {
  const match = /^(\d{1,6})([smhd])$/.exec(text);
  return match ? Number(match[1]) * unitMs[match[2] as keyof typeof unitMs] : undefined;
}

/** As it would be typed, in the largest unit of which it is more than one: `24h`, `30d`, `60s`. */
export function writtenDuration(ms: number): string {
  const units = Object.entries(unitMs).reverse();
  const [unit, length] = units.find(([, each]) => ms % each === 0 && ms > each) ?? ['s', unitMs.s];
  return `${ms / length}${unit}`;
}
