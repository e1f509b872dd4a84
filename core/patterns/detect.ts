import { windowIndexes, windowsMs, type Fleet } from './fleet.ts';
import { findPatterns, type PatternsFound, type Significant } from './find-patterns.ts';
import { remember, type Named, type PatternHistory } from './history.ts';

/** What one tick leaves to the next beside the history; small, because it is written every minute. */
export interface DetectorState {
  version: number;
  tickedAt: number;
  /** Of the last tick that looked for patterns; the strongest keys are kept. */
  significant?: Significant;
  /** For each window, the number of the last one that the history has. */
  remembered: [number, number, number];
  /** Gateways that the last tick looked at. */
  gatewayCount: number;
  /** Where the history is; absent before the first window ended. */
  historyId?: string;
  historyParts?: number;
}

/** 500 of at most some 300 bytes each. */
const keysMax = 500;
const valuesMax = 4_000;
/** One tick may be late or lost without anything being forgotten. */
export const ticksForgiven = 2.5;

export interface Detection {
  found: PatternsFound;
  next: DetectorState;
  /** The history has grown, in place: it must be stored with `next`. */
  hasRemembered: boolean;
}

/** One tick of the detector. `named`: the patterns that are open, which must not become usual. */
export function detect(input: {
  fleet: Fleet;
  state: DetectorState | undefined;
  history: PatternHistory;
  named: readonly Named[];
  nowMs: number;
  tickMs: number;
}): Detection {
  const { fleet, state, history, named, nowMs, tickMs } = input;
  const found = findPatterns({ fleet, history, previous: state?.significant, nowMs, tickMs });
  found.significant.keys = found.significant.keys.slice(0, keysMax);
  const windows = windowsMs.map((ms) => Math.floor(nowMs / ms)) as DetectorState['remembered'];
  // A window that began before the first tick was not seen whole.
  const ended = windowIndexes.filter((w) => state !== undefined && windows[w] > state.remembered[w]);
  for (const window of ended) remember(history, fleet, window, [...named, ...found.patterns]);
  if (ended.length > 0) keepMostCarried(history);
  return {
    found,
    hasRemembered: ended.length > 0,
    next: {
      ...state,
      version: (state?.version ?? 0) + 1,
      tickedAt: nowMs,
      significant: found.significant,
      remembered: windows,
      gatewayCount: fleet.rows,
    },
  };
}

/** A tick without the detector: the time goes on, and nothing is significant. */
export const withoutDetector = (state: DetectorState | undefined, nowMs: number): DetectorState => ({
  remembered: windowsMs.map((ms) => Math.floor(nowMs / ms)) as DetectorState['remembered'],
  gatewayCount: 0,
  ...state,
  version: (state?.version ?? 0) + 1,
  tickedAt: nowMs,
});

/** Nobody watched since the tick before: what was pending then has not been seen to last. */
export const isGap = (state: DetectorState | undefined, nowMs: number, tickMs: number): boolean =>
  state !== undefined && nowMs - state.tickedAt >= ticksForgiven * tickMs;

/** A fleet of many odd values must not outgrow its store. */
function keepMostCarried(history: PatternHistory): void {
  const keys = Object.keys(history.values);
  if (keys.length <= valuesMax) return;
  const carried = (key: string): number => history.values[key]?.gateways[0] ?? 0;
  for (const key of keys.sort((a, b) => carried(b) - carried(a)).slice(valuesMax)) delete history.values[key];
}
