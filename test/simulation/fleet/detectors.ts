import type { MakeDetector } from './detector.ts';
import { CountsGateways } from './baseline.ts';
import { FindsPatterns } from './finds-patterns.ts';

/** Who looks for patterns; all of them see the same scans. A further detector is one line here. */
export const detectors: Record<string, MakeDetector> = {
  holdfast: (setting) => new FindsPatterns(setting),
  baseline: (setting) => new CountsGateways(setting),
};
