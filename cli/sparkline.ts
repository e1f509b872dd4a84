export const unicodeBlocks = '▁▂▃▄▅▆▇█';
/** For terminals that have no others. */
export const asciiBlocks = '_.,-=+*#';

/** From 0 to `most`, by default the greatest value; a gap is a blank. */
export function sparkline(
  values: readonly (number | undefined)[],
  blocks = unicodeBlocks,
  most = Math.max(0, ...values.filter((value) => value !== undefined)),
): string {
  const top = blocks.length - 1;
  const height = (value: number): number =>
    most === 0 ? 0 : Math.max(0, Math.min(top, Math.floor((value / most) * (top + 1))));
  return values.map((value) => (value === undefined ? ' ' : blocks[height(value)])).join('');
}

/** What the locale says of the terminal, in the order in which it is asked; nothing said is no objection. */
export function blocksFor(env: Record<string, string | undefined>): string {
  const locale = [env['LC_ALL'], env['LC_CTYPE'], env['LANG']].find(Boolean);
  return locale === undefined || /utf-?8/i.test(locale) ? unicodeBlocks : asciiBlocks;
}
