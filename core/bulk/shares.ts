/** A number of targets: `10`, or of all of them `"10%"`. */
export type Share = number | `${number}%`;
/** So many starts in any span of that length. */
export interface Rate {
  count: number;
  perMs: number;
}

export const sharePattern = /^(?:[1-9]\d{0,5}|(?:100|[1-9]\d?)%)$/;
export const ratePattern = /^([1-9]\d{0,3})\/(s|m)$/;

/** How many of `total` a share is: a percentage rounds up, so that it is never none of some. */
export function shareCount(share: Share, total: number): number {
  const text = String(share);
  return text.endsWith('%') ? Math.ceil((total * Number(text.slice(0, -1))) / 100) : Number(text);
}

/** `10/s`, `100/m`; undefined for what is neither. */
export function rateOf(text: string): Rate | undefined {
  const match = ratePattern.exec(text);
  return match ? { count: Number(match[1]), perMs: match[2] === 's' ? 1_000 : 60_000 } : undefined;
}
export const rateText = ({ count, perMs }: Rate): string => `${count}/${perMs === 1_000 ? 's' : 'm'}`;

/** Text with `*` for any characters, compared as a whole. Linear: it never goes back behind a part that it found. */
export function matches(pattern: string, text: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return text === pattern;
  const last = rest.pop() ?? '';
  if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last))
    return false;
  let from = first.length;
  for (const part of rest) {
    const at = text.indexOf(part, from);
    if (at < 0) return false;
    from = at + part.length;
  }
  return from <= text.length - last.length;
}
