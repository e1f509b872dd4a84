import {
  bundleFormat,
  bundleSchema,
  bundleVersion,
  diagnosticsLimits,
  sectionNames,
  type Bundle,
  type Section,
  type SectionName,
} from '../../core/diagnostics.ts';
import { HoldfastError } from '../../core/errors.ts';
import { plainIssues } from '../../core/plain-issues.ts';
import { mapTexts, redactAtMost } from '../../core/redact.ts';
import { raceSignal } from '../s3/race-signal.ts';

/** One source for each section. What it gives may have more fields than the bundle, which drops them. */
export type SectionSources = { readonly [N in SectionName]: () => Promise<Section<N>> | Section<N> };

export interface CollectDeps {
  sources: SectionSources;
  /** Blots secrets out of a text. */
  redact: (text: string) => string;
  unixMs: () => number;
  /** Told before each section. */
  onSection?: (section: SectionName, fraction: number) => void;
  /** Each section's. @default 30 s */
  sectionTimeoutMs?: number;
}

type Ids = Pick<Bundle, 'tenantId' | 'gatewayId' | 'commandId'>;

/**
 * Every section that can be had, the log last, so that it has what happened meanwhile. A section that fails, or takes
 * too long, is a problem that the bundle names, never the bundle's end. Throws the signal's reason alone.
 */
export async function collectBundle(ids: Ids, deps: CollectDeps, signal: AbortSignal): Promise<Bundle> {
  const startedAt = deps.unixMs();
  const redact = redactAtMost(deps.redact, diagnosticsLimits.textChars);
  const sections: Partial<Record<SectionName, unknown>> = {};
  const problems: Bundle['problems'] = [];
  for (const [i, section] of sectionNames.entries()) {
    deps.onSection?.(section, i / sectionNames.length);
    try {
      sections[section] = cleaned(section, await within(deps, deps.sources[section], signal), redact);
    } catch (thrown) {
      if (signal.aborted) throw signal.reason;
      const text = thrown instanceof Error ? thrown.message : String(thrown);
      problems.push({ section, message: redact(text) });
    }
  }
  return bundleSchema.parse({
    format: bundleFormat,
    version: bundleVersion,
    ...ids,
    collectedAt: startedAt,
    durationMs: deps.unixMs() - startedAt,
    ...sections,
    problems,
    cut: [],
  });
}

async function within(
  { sectionTimeoutMs = 30_000 }: CollectDeps,
  source: () => unknown,
  signal: AbortSignal,
): Promise<unknown> {
  const late = AbortSignal.timeout(sectionTimeoutMs);
  return raceSignal(Promise.resolve().then(source), AbortSignal.any([signal, late]));
}

/** The fields that the schema names, without secrets and each text of bounded length. */
function cleaned(section: SectionName, value: unknown, redact: CollectDeps['redact']): unknown {
  const parsed = bundleSchema.shape[section].safeParse(mapTexts(value, redact));
  if (parsed.success) return parsed.data;
  throw new HoldfastError('INTERNAL', plainIssues(parsed.error, value, `the section ${section}`));
}
