import type { CommandKind } from '../command-kinds.ts';
import type { Severity } from '../model.ts';
import {
  clockSkewMs,
  clones,
  filesystemUtilization,
  irrecoverableVolumes,
  metric,
  offline,
  outdatedAgent,
  reconnectsPerHour,
  restoreStillMs,
  snapshotAgeMs,
  uploadStillMs,
  type ConditionLimits,
  type FreshInput,
  type Reading,
  type SignalInput,
} from './signals.ts';

interface ConditionBase {
  id: string;
  /** What a component of it is. */
  scope: 'gateway' | 'volume' | 'filesystem';
  /** Raised from `raiseAt` on, cleared at `clearAt` and below; between them it stays as it was. */
  raiseAt: number;
  clearAt: number;
  /** How long it must be raised before an alert fires, and clear before it resolves. */
  forMs: (limits: ConditionLimits) => number;
  clearForMs: number;
  severity: Severity;
  /** For people: what it says about the gateway. */
  meaning: string;
  /** One line about one reading. */
  summary: (reading: Reading) => string;
  /** The command that usually helps; `component` names the parameter that takes the component. */
  suggested?: { kind: CommandKind; component?: string };
}
/** A signal that needs a fresh status, or one that judges its absence or the connections alone. */
export type Condition = ConditionBase &
  (
    | { needsStatus: true; signal: (input: FreshInput) => Reading[] }
    | { needsStatus: false; signal: (input: SignalInput) => Reading[] }
  );

const minutes = 60_000;
const hours = 60 * minutes;
const none = () => 0;
const percent = (fraction: number) => `${(fraction * 100).toFixed(1)} %`;
const span = (ms: number) =>
  ms < 2 * minutes
    ? `${(ms / 1000).toFixed(0)} s`
    : ms < 2 * hours
      ? `${(ms / minutes).toFixed(0)} min`
      : `${(ms / hours).toFixed(1)} h`;

/** Every condition that a status proxy looks for. A row here needs a raising and a clearing case in its test. */
export const conditions: readonly Condition[] = [
  {
    id: 'Offline',
    scope: 'gateway',
    needsStatus: false,
    signal: offline,
    raiseAt: 1,
    clearAt: 0,
    // A planned reconnection of everybody is no outage.
    forMs: ({ reconnectWindowMs }) => Math.max(5 * minutes, reconnectWindowMs),
    clearForMs: minutes,
    severity: 'critical',
    meaning: 'The gateway has no connection or has been silent for more than 2.5 beats.',
    summary: () => 'the gateway cannot be reached',
  },
  {
    id: 'ConnectionFlapping',
    scope: 'gateway',
    needsStatus: true,
    signal: reconnectsPerHour,
    raiseAt: 6,
    clearAt: 2,
    forMs: none,
    clearForMs: 10 * minutes,
    severity: 'warning',
    meaning: 'The gateway loses its connection again and again; planned rollovers are not counted.',
    summary: ({ value }) => `${value} reconnections in the last hour`,
  },
  {
    id: 'GatewayCloned',
    scope: 'gateway',
    // Which of the two reports, and when, says nothing about it.
    needsStatus: false,
    signal: clones,
    raiseAt: 1,
    clearAt: 0,
    forMs: none,
    clearForMs: 0,
    severity: 'critical',
    meaning:
      'Two hosts run under this gateway’s key: an agent that another replaced came back, which no restart does. ' +
      'Stop the one that is a copy, then replace the key (`key.rotate`). ' +
      'Clears with the new key, or three hours after the last sign.',
    summary: () => 'two hosts use this gateway’s key and take the connection from each other',
  },
  {
    id: 'VolumeIrrecoverable',
    scope: 'volume',
    needsStatus: true,
    signal: irrecoverableVolumes,
    raiseAt: 1,
    clearAt: 0,
    forMs: none,
    clearForMs: 0,
    severity: 'critical',
    meaning:
      'A volume’s data is lost here (or its restore was given up): it can only come back from a snapshot. ' +
      'Stays while it is restored, clears when the volume is healthy.',
    summary: ({ component }) => `volume ${component} is lost and must be restored from a snapshot`,
    suggested: { kind: 'restore.start', component: 'volumeId' },
  },
  {
    id: 'RestoreStalled',
    scope: 'volume',
    needsStatus: true,
    signal: restoreStillMs,
    raiseAt: 15 * minutes,
    clearAt: 5 * minutes,
    forMs: none,
    clearForMs: 0,
    severity: 'critical',
    meaning: 'A running restore has made no progress for a quarter of an hour.',
    summary: ({ component, value }) =>
      `the restore of volume ${component} has made no progress for ${span(value)}`,
    suggested: { kind: 'restore.resume', component: 'volumeId' },
  },
  {
    id: 'UploadStalled',
    scope: 'volume',
    needsStatus: true,
    signal: uploadStillMs,
    raiseAt: 15 * minutes,
    clearAt: 5 * minutes,
    forMs: none,
    clearForMs: 0,
    severity: 'warning',
    meaning: 'A snapshot that is being uploaded has made no progress for a quarter of an hour.',
    summary: ({ component, value }) =>
      `the upload of a snapshot of volume ${component} has made no progress for ${span(value)}`,
  },
  {
    id: 'SnapshotOld',
    scope: 'volume',
    needsStatus: true,
    signal: snapshotAgeMs,
    raiseAt: 26 * hours,
    clearAt: 24 * hours,
    // A new volume has an hour for its first snapshot.
    forMs: () => hours,
    clearForMs: 0,
    severity: 'warning',
    meaning: 'The newest snapshot of a volume is older than a day and two hours, or there is none.',
    summary: ({ component, value }) => `volume ${component} has had no snapshot for ${span(value)}`,
    suggested: { kind: 'snapshot.create', component: 'volumeId' },
  },
  {
    id: 'FsFull',
    scope: 'filesystem',
    needsStatus: true,
    signal: filesystemUtilization,
    raiseAt: 0.95,
    clearAt: 0.9,
    forMs: () => 2 * minutes,
    clearForMs: 2 * minutes,
    severity: 'critical',
    meaning: 'A file system of the gateway is nearly full; its agent stops writing before it is.',
    summary: ({ component, value }) => `${component} is ${percent(value)} full`,
  },
  {
    id: 'MemoryHigh',
    scope: 'gateway',
    needsStatus: true,
    signal: metric('system.memory.utilization'),
    raiseAt: 0.95,
    clearAt: 0.85,
    forMs: () => 10 * minutes,
    clearForMs: 2 * minutes,
    severity: 'warning',
    meaning: 'The gateway’s memory is nearly used up.',
    summary: ({ value }) => `memory is ${percent(value)} used`,
  },
  {
    id: 'ClockSkew',
    scope: 'gateway',
    needsStatus: true,
    signal: clockSkewMs,
    raiseAt: minutes,
    clearAt: 30_000,
    forMs: () => 2 * minutes,
    clearForMs: 0,
    severity: 'warning',
    meaning: 'The gateway’s clock is off by a minute or more; at five minutes it cannot dial any more.',
    summary: ({ value }) => `the clock is off by ${span(value)}`,
  },
  {
    id: 'AgentOutdated',
    scope: 'gateway',
    needsStatus: true,
    signal: outdatedAgent,
    raiseAt: 1,
    clearAt: 0,
    // A rollout takes its time.
    forMs: () => 24 * hours,
    clearForMs: 0,
    severity: 'info',
    meaning: 'The agent is older than the newest version, for more than a day.',
    summary: () => 'the agent is older than the newest version',
  },
];

export const conditionById: ReadonlyMap<string, Condition> = new Map(conditions.map((c) => [c.id, c]));
