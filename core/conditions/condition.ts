import type { CommandKind } from '../command-kinds.ts';
import type { Severity } from '../model.ts';
import type { CheckedPart, Heartbeat } from '../status.ts';
import type { ConditionLimits, FreshInput, Reading, SignalInput } from './signals.ts';

/** What a value counts: how thresholds are written, and which ones are possible. `flag`: yes or no, nothing to set. */
export const units = ['flag', 'share', 'ms', 'count', 'perSec', 'celsius', 'score'] as const;
export type Unit = (typeof units)[number];

interface ConditionBase {
  id: string;
  /** What a component of it is. */
  scope: 'gateway' | 'volume' | 'filesystem' | 'disk' | 'array';
  unit: Unit;
  /** What is measured, for people. */
  measures: string;
  /** Which way is bad. @default above */
  worse?: 'below';
  /** Raised from `raiseAt` on, clear at `clearAt` and beyond; between them it stays as it was. */
  raiseAt: number;
  clearAt: number;
  /** How long it must be raised before an alert fires, and clear before it resolves. */
  forMs: (limits: Pick<ConditionLimits, 'reconnectWindowMs'>) => number;
  /** No tenant may set a shorter time. @default 0 */
  forMinMs?: (limits: Pick<ConditionLimits, 'reconnectWindowMs'>) => number;
  clearForMs: number;
  severity: Severity;
  /** False: patterns look at it, and no alert comes of it. @default true */
  alerts?: false;
  /** For people: what it says about the gateway. */
  meaning: string;
  /** For people: what it comes from or leads to. */
  explanation: string;
  /** One line about one reading. */
  summary: (reading: Reading) => string;
  /** The command that usually helps; `component` names the parameter that takes the component. */
  suggested?: { kind: CommandKind; component?: string };
  /**
   * Its components are named only where they have something to tell: one that `names` does not list is clear, once the
   * heartbeat says that it looked at `part`.
   */
  listed?: { part: CheckedPart; names: (heartbeat: Heartbeat) => readonly string[] };
}
/** A signal that needs a fresh status, or one that judges its absence or the connections alone. */
export type Condition = ConditionBase &
  (
    | { needsStatus: true; signal: (input: FreshInput) => readonly Reading[] }
    | { needsStatus: false; signal: (input: SignalInput) => readonly Reading[] }
  );

export const minutes = 60_000;
export const hours = 60 * minutes;
export const days = 24 * hours;
export const none = () => 0;

export const isRaised = ({ worse, raiseAt }: Condition, value: number): boolean =>
  worse === 'below' ? value <= raiseAt : value >= raiseAt;
export const isClear = ({ worse, clearAt }: Condition, value: number): boolean =>
  worse === 'below' ? value >= clearAt : value <= clearAt;

export const percent = (fraction: number) => `${(fraction * 100).toFixed(1)} %`;
export const span = (ms: number) =>
  ms < 2 * minutes
    ? `${(ms / 1000).toFixed(0)} s`
    : ms < 2 * hours
      ? `${(ms / minutes).toFixed(0)} min`
      : ms < 3 * days
        ? `${(ms / hours).toFixed(1)} h`
        : `${(ms / days).toFixed(1)} d`;
