import type { GatewayItem, StatusItem } from '../model.ts';
import type { VolumeStatus } from '../status.ts';
import { compareVersions } from './versions.ts';

/** What the conditions are judged by; set once per deployment. */
export interface ConditionLimits {
  /** One beat: how often a gateway reports when nothing changes. */
  heartbeatIntervalMs: number;
  /** Within it every gateway of a lost cell has dialed again. */
  reconnectWindowMs: number;
  /** Agents older than this are outdated; undefined: nobody is. */
  latestAgentVersion?: string;
}

/** Everything a signal may look at. `status` is there and fresh for all signals but that of Offline. */
export interface SignalInput {
  gateway: GatewayItem;
  status: StatusItem | undefined;
  now: number;
  limits: ConditionLimits;
}
export type FreshInput = SignalInput & { status: StatusItem };

/** One measurement: the greater, the worse. `component` is a volume, a mount, or '' for the gateway itself. */
export interface Reading {
  component: string;
  value: number;
}

/** A silent connection is given up after this many beats: one lost frame and one late one are no outage. */
export const staleAfterBeats = 2.5;
/** Planned rollovers are 90 to 110 minutes apart; hellos that far apart are none of a flapping connection's. */
const rolloverGapMs = 80 * 60_000;
const hourMs = 3_600_000;

/** Server time of the newest sign of life. */
export function lastHeardAt({ gateway, status }: Pick<SignalInput, 'gateway' | 'status'>): number {
  return Math.max(
    gateway.createdAt,
    status?.receivedAt ?? 0,
    gateway.route?.connectedAt ?? 0,
    gateway.recentHellos.at(-1) ?? 0,
  );
}

/**
 * The time between two reports by which silence is judged: the gateway's own where it is longer. A shorter one does
 * not make it count as lost sooner, or a cell that falls silent would look like the loss of its gateways.
 */
const beatMs = ({
  status,
  limits,
}: Pick<SignalInput, 'status'> & { limits: Pick<ConditionLimits, 'heartbeatIntervalMs'> }): number =>
  Math.max(limits.heartbeatIntervalMs, status?.heartbeat.intervalMs ?? 0);

/** When the gateway was lost: the earlier of its route's end and 2.5 beats of silence; undefined while it is here. */
export function lostAt(
  input: Omit<SignalInput, 'limits'> & { limits: Pick<ConditionLimits, 'heartbeatIntervalMs'> },
): number | undefined {
  const silentAt = lastHeardAt(input) + staleAfterBeats * beatMs(input);
  const at = input.gateway.route ? silentAt : Math.min(input.gateway.routeLostAt ?? silentAt, silentAt);
  return at <= input.now ? at : undefined;
}

/** True when nothing may be concluded from the status any more. Judged by the server's clock alone. */
export const isStale = (input: SignalInput): boolean =>
  !input.status || input.now - input.status.receivedAt > staleAfterBeats * beatMs(input);

/** 1 while the gateway cannot be reached, else 0. */
export const offline = (input: SignalInput): Reading[] => ofGateway(lostAt(input) === undefined ? 0 : 1);

/** Reconnections of the last hour; a planned rollover is not one. */
export function reconnectsPerHour({ gateway, now }: FreshInput): Reading[] {
  const hellos = gateway.recentHellos;
  const counted = hellos.filter((at, i) => {
    const before = hellos[i - 1];
    return before !== undefined && at - before < rolloverGapMs && now - at < hourMs;
  });
  return ofGateway(counted.length);
}

/** How long a clone is suspected after its last sign: agents that lose to each other wait up to two hours. */
const cloneQuietMs = 3 * hourMs;

/** 1 from the first sign that two hosts have the gateway's key until there was none for a while, or another key came. */
export const clones = ({ gateway: { cloneSeenAt }, now }: SignalInput): Reading[] =>
  ofGateway(cloneSeenAt !== undefined && now - cloneSeenAt < cloneQuietMs ? 1 : 0);

/**
 * 1 for a volume that cannot be served, 0 for a healthy one; 0.5 says neither: a restore is on its way, or another process
 * has the volume, which is no loss: a restore would replace data that is there.
 */
export const irrecoverableVolumes = (input: FreshInput): Reading[] =>
  ofVolumes(input, ({ state, failure }) => {
    if (state === 'healthy') return 0;
    return state === 'restoring' || state === 'paused' || failure === 'in-use' ? 0.5 : 1;
  });

/** ms without progress of a running restore. Both times are the agent's, so its clock does not matter. */
export const restoreStillMs = (input: FreshInput): Reading[] =>
  ofVolumes(input, ({ state, restore }) =>
    state === 'restoring' && restore ? ageMs(input, restore.lastProgressAt) : 0,
  );

/** ms without progress of a snapshot's upload. */
export const uploadStillMs = (input: FreshInput): Reading[] =>
  ofVolumes(input, ({ upload }) => (upload ? ageMs(input, upload.lastProgressAt) : 0));

/** Age of the newest snapshot in ms; of a volume without any, the time that the gateway exists. */
export const snapshotAgeMs = (input: FreshInput): Reading[] =>
  ofVolumes(input, ({ lastSnapshotAt }) =>
    lastSnapshotAt === undefined
      ? Math.max(0, input.now - input.gateway.createdAt)
      : ageMs(input, lastSnapshotAt),
  );

/** Used fraction of each file system. */
export const filesystemUtilization = ({ status }: FreshInput): Reading[] =>
  status.heartbeat.filesystems
    .filter(({ sizeBytes }) => sizeBytes > 0)
    .map(({ mount, sizeBytes, freeBytes }) => ({
      component: mount,
      value: Math.max(0, 1 - freeBytes / sizeBytes),
    }));

/** One of the heartbeat's metrics; no reading where the gateway does not report it. */
export const metric =
  (name: string) =>
  ({ status }: FreshInput): Reading[] => {
    const value = status.heartbeat.metrics[name];
    return value === undefined ? [] : ofGateway(value);
  };

/** How far the gateway's clock is off, ms, either way. */
export const clockSkewMs = ({ status }: FreshInput): Reading[] => ofGateway(Math.abs(status.clockSkewMs));

/** 1 for an agent that is older than the newest version. */
export const outdatedAgent = ({ status, limits }: FreshInput): Reading[] =>
  limits.latestAgentVersion === undefined
    ? []
    : ofGateway(compareVersions(status.heartbeat.agentVersion, limits.latestAgentVersion) < 0 ? 1 : 0);

const ofGateway = (value: number): Reading[] => [{ component: '', value }];
const ofVolumes = ({ status }: FreshInput, value: (volume: VolumeStatus) => number): Reading[] =>
  status.heartbeat.volumes.map((volume) => ({ component: volume.volumeId, value: value(volume) }));
const ageMs = ({ status }: FreshInput, at: number): number => Math.max(0, status.heartbeat.sentAt - at);
