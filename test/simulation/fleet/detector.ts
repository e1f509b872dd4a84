/** What stands between the simulated fleet and whatever looks for patterns in it. */

/** A gateway as a scan of the status store sees it. The object lives on: read it during the scan only. */
export interface SeenGateway {
  readonly gatewayId: string;
  readonly customerId: string;
  /** Attribute → value. The same object for as long as nothing in it changed. */
  readonly attributes: Readonly<Record<string, string>>;
  /** The conditions that began in this window. */
  readonly onsets: readonly string[];
  /** Heard of in this window. */
  readonly isFresh: boolean;
}

export interface Scan {
  /** Counts up by one. */
  readonly window: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly gateways: Iterable<SeenGateway>;
}

/** Values that a gateway carries all of: one, or a pair. */
export type Cause = readonly { readonly attribute: string; readonly value: string }[];

export interface FoundPattern {
  readonly condition: string;
  readonly cause: Cause;
  /** Causes that the data cannot tell from it, the likeliest first. */
  readonly alternatives: readonly Cause[];
}

export interface Detector {
  /** The patterns that hold in this window, the strongest first; one that goes on is named again. */
  observe(scan: Scan): readonly FoundPattern[];
}

/** What a deployment knows beforehand. */
export interface Setting {
  readonly windowMinutes: number;
  readonly conditions: readonly string[];
}

export type MakeDetector = (setting: Setting) => Detector;
