import type { ErrorCode } from '../core/errors.ts';
import type { LogRecord } from './log.ts';
import type { RegionSettings } from './region.ts';

/** Parent → stack process. */
export type ToStack =
  | { readonly kind: 'boot'; readonly boot: StackBoot }
  /** Every stack answers: clocks may start and what was accepted before goes on. */
  | { readonly kind: 'start' }
  | { readonly kind: 'stop' };

/** Stack process → parent. */
export type FromStack =
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string; readonly hint?: string }
  | { readonly kind: 'log'; readonly records: readonly LogRecord[] };

export interface StackBoot {
  readonly stackName: string;
  readonly settings: RegionSettings;
  /** Hexadecimal. */
  readonly masterKey: string;
  /** This stack's own directory. */
  readonly dataDir: string;
  readonly servicesPort: number;
  /** Logical id of an API → its port. */
  readonly apiPorts: Readonly<Record<string, number>>;
  readonly scheduleScale: number;
  /** Whether anybody wants to read lines of the level `debug`. */
  readonly verbose: boolean;
}
