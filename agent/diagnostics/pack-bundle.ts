import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { diagnosticsLimits, sectionNames, type Bundle, type SectionName } from '../../core/diagnostics.ts';
import { HoldfastError } from '../../core/errors.ts';

const compress = promisify(gzip);

export interface PackedBundle {
  bytes: Uint8Array;
  /** As it was packed: what was cut stands in it. */
  bundle: Bundle;
}

/** Sections in the order in which they may go, once the log is empty: what grows with the customer's data first. */
const dispensable: readonly SectionName[] = ['volumes', 'network', 'commands', 'status'];

/**
 * One gzipped JSON document of at most `bytesMax`. Where there is more, the oldest half of the log goes, again and
 * again, then whole sections; each time the bundle says so. Throws TOO_LARGE.
 */
export async function packBundle(
  whole: Bundle,
  bytesMax: number = diagnosticsLimits.packedBytes,
): Promise<PackedBundle> {
  let bundle = whole;
  for (;;) {
    const bytes = await compress(JSON.stringify(bundle));
    if (bytes.length <= bytesMax) return { bytes, bundle };
    const smaller = withLessLog(bundle) ?? withoutSection(bundle);
    if (!smaller)
      throw new HoldfastError('TOO_LARGE', `the bundle has more than ${bytesMax} bytes without its log, too`);
    bundle = smaller;
  }
}

function withLessLog(bundle: Bundle): Bundle | undefined {
  const { log } = bundle;
  if (!log || log.lines.length === 0) return undefined;
  const lines = log.lines.slice(Math.ceil(log.lines.length / 2));
  const droppedLines = log.droppedLines + log.lines.length - lines.length;
  return noted({ ...bundle, log: { lines, droppedLines } }, 'log', `the ${droppedLines} oldest lines`);
}

function withoutSection(bundle: Bundle): Bundle | undefined {
  const section = dispensable.find((name) => bundle[name] !== undefined);
  return section && noted({ ...bundle, [section]: undefined }, section, 'the whole section');
}

function noted(bundle: Bundle, section: SectionName, message: string): Bundle {
  return { ...bundle, cut: [...bundle.cut.filter((each) => each.section !== section), { section, message }] };
}

/** Sections that the bundle has, in their order. */
export const sectionsOf = (bundle: Bundle): SectionName[] =>
  sectionNames.filter((name) => bundle[name] !== undefined);
