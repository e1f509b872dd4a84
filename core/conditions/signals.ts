import type { GatewayItem, Route, StatusItem } from '../model.ts';
import type { Heartbeat } from '../status.ts';
import { farMs } from './prediction.ts';
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

/** What signals look at of a gateway beside its status. */
export type JudgedGateway = Pick<GatewayItem, 'createdAt' | 'routeLostAt' | 'cloneSeenAt'> & {
  route?: Pick<Route, 'connectedAt'>;
  recentHellos: readonly number[];
};

/** Everything a signal may look at. `status` is there and fresh for all signals but that of Offline. */
export interface SignalInput {
  gateway: JudgedGateway;
  status: StatusItem | undefined;
  now: number;
  limits: ConditionLimits;
}
export type FreshInput = SignalInput & { status: StatusItem };

/** One measurement: the greater, the worse. `component` is a volume, a mount, or '' for the gateway itself. */
export interface Reading {
  component: string;
  value: number;
  /** How long it must be raised before its alert fires, where the condition may say less. */
  forMs?: number;
  /** The condition's command cannot help here. */
  isHelpless?: true;
}

/** A silent connection is given up after this many beats: one lost frame and one late one are no outage. */
export const staleAfterBeats = 2.5;
/** Planned rollovers are 90 to 110 minutes apart; hellos that far apart are none of a flapping connection's. */
export const reconnectionGapMs = 80 * 60_000;
const hourMs = 3_600_000;

/** Whether what silence is judged by stands in a stored status: one time that is no number would silence every comparison. */
export const tellsWhen = ({ receivedAt, heartbeat }: StatusItem): boolean =>
  Number.isFinite(receivedAt) &&
  (heartbeat.intervalMs === undefined || Number.isFinite(heartbeat.intervalMs));

/** Server time of the newest sign of life. */
export function lastHeardAt({ gateway, status }: Pick<SignalInput, 'gateway' | 'status'>): number {
  const { recentHellos } = gateway;
  return Math.max(
    gateway.createdAt,
    status?.receivedAt ?? 0,
    gateway.route?.connectedAt ?? 0,
    recentHellos[recentHellos.length - 1] ?? 0,
  );
}

/**
 * The time between two reports by which silence is judged: the gateway's own where it is longer. A shorter one does
 * not make it count as lost sooner, or a cell that falls silent would look like the loss of its gateways.
 */
export const beatMs = ({
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
  !input.status || !(input.now - input.status.receivedAt <= staleAfterBeats * beatMs(input));

/** 1 while the gateway cannot be reached, else 0. */
export const offline = (input: SignalInput): readonly Reading[] =>
  ofGateway(lostAt(input) === undefined ? 0 : 1);

/** A silence that is no outage yet, in beats: one frame is late or lost. */
export const suspectAfterBeats = 1.5;

/** 1 from the loss of the connection, or from a beat that did not come: before that is certain enough to call anybody. */
export const suspectOffline = (input: SignalInput): readonly Reading[] => {
  const silentMs = input.now - lastHeardAt(input);
  return ofGateway(!input.gateway.route || silentMs >= suspectAfterBeats * beatMs(input) ? 1 : 0);
};

/** Reconnections of the last hour; a planned rollover is not one. */
export function reconnectsPerHour({ gateway, now }: FreshInput): readonly Reading[] {
  const hellos = gateway.recentHellos;
  let counted = 0;
  for (let i = 1; i < hellos.length; i++) if (isReconnection(hellos, i, now)) counted += 1;
  return ofGateway(counted);
}
const isReconnection = (hellos: readonly number[], i: number, now: number): boolean =>
  hellos[i]! - hellos[i - 1]! < reconnectionGapMs && now - hellos[i]! < hourMs;

/** The end of the list that says all that the whole does, from its last hello on: mostly that one alone. */
export function tellingHellos(hellos: readonly number[]): readonly number[] {
  const last = hellos.at(-1) ?? 0;
  for (let i = 1; i < hellos.length; i++) if (isReconnection(hellos, i, last)) return hellos.slice(i - 1);
  return hellos.slice(-1);
}

/** How long a clone is suspected after its last sign: agents that lose to each other wait up to two hours. */
const cloneQuietMs = 3 * hourMs;

/** 1 from the first sign that two hosts have the gateway's key until there was none for a while, or another key came. */
export const clones = ({ gateway: { cloneSeenAt }, now }: SignalInput): readonly Reading[] =>
  ofGateway(cloneSeenAt !== undefined && now - cloneSeenAt < cloneQuietMs ? 1 : 0);

/** One of the heartbeat's metrics; no reading where the gateway does not report it. */
export const metric =
  (name: string) =>
  ({ status }: FreshInput): readonly Reading[] => {
    const value = status.heartbeat.metrics[name];
    return value === undefined ? nothing : ofGateway(value);
  };

/** How far the gateway's clock is off, ms, either way. */
export const clockSkewMs = ({ status }: FreshInput): readonly Reading[] =>
  ofGateway(Math.abs(status.clockSkewMs));

/** 1 for an agent that is older than the newest version. */
export const outdatedAgent = ({ status, limits }: FreshInput): readonly Reading[] =>
  limits.latestAgentVersion === undefined
    ? nothing
    : ofGateway(compareVersions(status.heartbeat.agentVersion, limits.latestAgentVersion) < 0 ? 1 : 0);

/**
 * How long a certificate or credentials are still good for, when the heartbeat was sent; what is checked and not named is
 * far from its end.
 */
export const expiresInMs =
  (which: keyof NonNullable<Heartbeat['expiries']>) =>
  ({ status: { heartbeat } }: FreshInput): readonly Reading[] => {
    const at = heartbeat.expiries?.[which];
    if (at !== undefined) return ofGateway(Math.min(farMs, Math.max(0, at - heartbeat.sentAt)));
    return heartbeat.checked?.includes('expiries') ? ofGateway(farMs) : nothing;
  };

/** Starts of the agent in the last hour. */
export const agentStarts = ({ status: { heartbeat } }: FreshInput): readonly Reading[] => {
  const count = heartbeat.starts?.agent ?? (heartbeat.checked?.includes('starts') ? 0 : undefined);
  return count === undefined ? nothing : ofGateway(count);
};

/** 1 for an hour after the host started without a clean stop before. */
export const hardReboot = ({ status: { heartbeat } }: FreshInput): readonly Reading[] => {
  const at = heartbeat.starts?.uncleanBootAt;
  if (at !== undefined) return ofGateway(heartbeat.sentAt - at < hourMs ? 1 : 0);
  return heartbeat.checked?.includes('starts') ? ofGateway(0) : nothing;
};

/** One reading for each part of which a value is known. A loop: a tick does this a dozen times for each gateway. */
export function readingsOf<Part>(
  parts: readonly Part[],
  nameOf: (part: Part) => string,
  valueOf: (part: Part) => number | undefined,
): readonly Reading[] {
  let readings: Reading[] | undefined;
  for (const part of parts) {
    const value = valueOf(part);
    if (value !== undefined) (readings ??= []).push({ component: nameOf(part), value });
  }
  return readings ?? nothing;
}

/** Most of what a look at a fleet asks is 0, or is not reported: a million times the same two answers. */
export const ofGateway = (value: number): readonly Reading[] =>
  value === 0 ? zero : [{ component: '', value }];
const zero: readonly Reading[] = [{ component: '', value: 0 }];
export const nothing: readonly Reading[] = [];
