import type { MakeDetector } from './detector.ts';
import { CountsGateways } from './baseline.ts';

/** Who looks for patterns; all of them see the same scans. A further detector is one line here. */
export const detectors: Record<string, MakeDetector> = {
  baseline: (setting) => new CountsGateways(setting),
};
