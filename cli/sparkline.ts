export const unicodeBlocks = '▁▂▃▄▅▆▇█';
/** For terminals that have no others. */
export const asciiBlocks = '_.,-=+*#';

/** What changes by less than this share of its greatest value is drawn as small as it is. */
const flatShare = 0.2;

/** From the least to the greatest value; a gap is a blank. */
export function sparkline(values: readonly (number | undefined)[], blocks = unicodeBlocks): string {
  const known = values.filter((value) => value !== undefined);
  const least = Math.min(...known);
  const range = Math.max(Math.max(...known) - least, Math.max(...known) * flatShare);
  const top = blocks.length - 1;
  return values
    .map((value) => {
      if (value === undefined) return ' ';
      return blocks[range === 0 ? 0 : Math.min(top, Math.floor(((value - least) / range) * (top + 1)))];
    })
    .join('');
}

/** What the locale says of the terminal, in the order in which it is asked; nothing said is no objection. */
export function blocksFor(env: Record<string, string | undefined>): string {
  const locale = [env['LC_ALL'], env['LC_CTYPE'], env['LANG']].find(Boolean);
  return locale === undefined || /utf-?8/i.test(locale) ? unicodeBlocks : asciiBlocks;
}
