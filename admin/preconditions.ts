import type { AlertView } from '../core/api.ts';
import { matches } from '../core/bulk/shares.ts';
import { isWithin } from '../core/configuration/windows.ts';
import type { GatewayView } from '../core/identity/gateway-view.ts';
import type { VolumeStatus } from '../core/status.ts';
import type { Play } from './playbook-schema.ts';

/** What the API says of the alert's gateway at the moment of acting. */
export interface Facts {
  gateway: GatewayView;
  isMaintenance: boolean;
}

/** Why the play may not act now, in words for people; undefined: nothing stands against it. */
export function unmetOf(
  { when }: Pick<Play, 'when'>,
  { component, silencedBy }: Pick<AlertView, 'component' | 'silencedBy'>,
  { gateway, isMaintenance }: Facts,
  now: number,
): string | undefined {
  const { connected, agentVersions, maintenance, silenced, during, volume, metrics = {} } = when;
  if (silenced === 'wait' && silencedBy !== undefined) return `the alert is silenced by ${silencedBy}`;
  if (gateway.status !== 'active') return `the gateway is ${gateway.status}`;
  if (connected !== undefined && connected !== (gateway.connection.state === 'connected'))
    return `the gateway is ${gateway.connection.state}`;
  if (maintenance === 'outside' && isMaintenance) return 'the gateway is in a maintenance window';
  if (maintenance === 'inside' && !isMaintenance) return 'the gateway is in no maintenance window';
  if (during && !isWithin(during.windows, during.timeZone, now)) return 'it is none of the play’s hours';
  const version = gateway.heartbeat?.agentVersion ?? '';
  if (agentVersions && !agentVersions.some((pattern) => matches(pattern, version)))
    return `the agent’s version is ${version || 'not known'}`;
  const measured = gateway.heartbeat?.metrics ?? {};
  for (const [name, range] of Object.entries(metrics)) {
    const unmet = unmetRange(name, Object.hasOwn(measured, name) ? measured[name] : undefined, range);
    if (unmet) return unmet;
  }
  const reported = gateway.heartbeat?.volumes.find(({ volumeId }) => volumeId === component);
  return volume && unmetOfVolume(volume, reported, component);
}

function unmetRange(
  name: string,
  value: number | undefined,
  { atLeast = -Infinity, below = Infinity }: { atLeast?: number; below?: number },
): string | undefined {
  if (value === undefined) return `${name} is not reported`;
  if (value < atLeast) return `${name} is below ${atLeast}`;
  return value < below ? undefined : `${name} is not below ${below}`;
}

function unmetOfVolume(
  { states, failures, hasSnapshot, isUploading }: NonNullable<Play['when']['volume']>,
  reported: VolumeStatus | undefined,
  volumeId: string,
): string | undefined {
  if (!reported) return `the gateway reports no volume ${volumeId}`;
  const { state, failure, lastSnapshotAt, upload } = reported;
  if (states && !states.includes(state)) return `volume ${volumeId} is ${state}`;
  if (failures && !(failure && failures.includes(failure)))
    return `volume ${volumeId}: what failed is “${failure ?? 'not said'}”`;
  if (hasSnapshot !== undefined && hasSnapshot !== (lastSnapshotAt !== undefined))
    return `volume ${volumeId} has ${hasSnapshot ? 'no' : 'a'} snapshot`;
  if (isUploading !== undefined && isUploading !== (upload !== undefined))
    return `volume ${volumeId} is ${isUploading ? 'not ' : ''}being uploaded`;
  return undefined;
}
