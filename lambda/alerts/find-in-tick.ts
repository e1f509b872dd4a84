import { isInForce } from '../../core/alerts/group-alerts.ts';
import type { AlertItem } from '../../core/model.ts';
import { attributeNames } from '../../core/patterns/attributes.ts';
import { breakdownEveryMs, breakdownOf } from '../../core/patterns/breakdown.ts';
import {
  detect,
  isGap,
  ticksForgiven,
  withoutDetector,
  type DetectorState,
} from '../../core/patterns/detect.ts';
import type { PatternsFound } from '../../core/patterns/find-patterns.ts';
import type { PatternHistory } from '../../core/patterns/history.ts';
import { errorFields } from '../aws/invocation.ts';
import type { FleetLook } from './look-at-fleet.ts';
import type { PatternDeps, TickDeps } from './ports.ts';

/** What is known of the tick before. */
export interface Memory {
  state: DetectorState | undefined;
  history: PatternHistory;
}
/** What the detector came to. */
export interface DetectorTick {
  /** Undefined while it fails and others may not wait for it. */
  found: FoundInTick | undefined;
  /** It is on record that there was a look now. */
  isKept: boolean;
}
/** What the detector says. */
export interface FoundInTick {
  found: Pick<PatternsFound, 'patterns' | 'fleetEvents'>;
  /** Values of which the next tick may say that they are a pattern. */
  suspects: ReadonlySet<string>;
}

const nothing: FoundInTick = { found: { patterns: [], fleetEvents: [] }, suspects: new Set() };

/** Undefined where nothing is remembered because it could not be read. */
export async function recall({ patterns, log }: TickDeps): Promise<Memory | undefined> {
  try {
    return await patterns?.detector.load();
  } catch (thrown) {
    log('error', 'patterns.failed', errorFields(thrown));
    return undefined;
  }
}

/**
 * Nobody looked since a while. Where it is not on record when somebody did, the looks before this one may have been
 * as little: what is pending would begin anew each time, and never fire.
 */
export const isAfterGap = (
  { patterns }: TickDeps,
  { memory, isKept, now }: { memory: Memory | undefined; isKept: boolean; now: number },
): boolean => patterns !== undefined && isKept && isGap(memory?.state, now, patterns.tickMs);

/**
 * One tick of the detector, stored before anything is made of it. Whatever fails here costs no alert: for two ticks
 * patterns stay as they were, then nothing is held back for them.
 */
export async function findInTick(
  deps: TickDeps,
  look: FleetLook,
  { memory, open, now }: { memory: Memory | undefined; open: readonly AlertItem[]; now: number },
): Promise<DetectorTick> {
  const { patterns, log } = deps;
  if (!patterns) return { found: nothing, isKept: true };
  try {
    if (!memory) return { found: undefined, isKept: false };
    return await detected(deps, patterns, look, { memory, open, now });
  } catch (thrown) {
    log('error', 'patterns.failed', errorFields(thrown));
    const lastAt = memory?.state?.significant?.atMs ?? -Infinity;
    const isKept = await patterns.detector.save(withoutDetector(memory?.state, now)).catch(() => false);
    return { found: now - lastAt < ticksForgiven * patterns.tickMs ? nothing : undefined, isKept };
  }
}

async function detected(
  deps: TickDeps,
  patterns: PatternDeps,
  look: FleetLook,
  { memory, open, now }: { memory: Memory; open: readonly AlertItem[]; now: number },
): Promise<DetectorTick> {
  const { detector, tickMs } = patterns;
  const named = open.flatMap((item) => (item.pattern && isInForce(item) ? [item.pattern] : []));
  const { state, history } = memory;
  deps.begin?.('detect');
  const { found, next, hasRemembered } = detect({
    ...{ fleet: look.fleet, state, history, named, nowMs: now, tickMs },
  });
  const isKept = await detector.save(next, hasRemembered ? history : undefined);
  if (!isKept) deps.log('warn', 'patterns.contended');
  deps.begin?.('breakdown');
  await prepared(patterns, look, state, now).catch((thrown: unknown) =>
    deps.log('error', 'patterns.unprepared', errorFields(thrown)),
  );
  return { found: { found, suspects: new Set(found.significant.keys) }, isKept };
}

/** What operators ask for, and what the next tick looks at. */
async function prepared(
  { detector, inventory }: PatternDeps,
  { fleetNow }: FleetLook,
  state: DetectorState | undefined,
  now: number,
): Promise<void> {
  await inventory.load();
  const isDue = !state || Math.floor(now / breakdownEveryMs) > Math.floor(state.tickedAt / breakdownEveryMs);
  if (!isDue) return;
  for (const attribute of attributeNames.keys())
    await detector.putBreakdown(breakdownOf(fleetNow, attribute, now));
}
