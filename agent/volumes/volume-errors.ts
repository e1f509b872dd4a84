import { HoldfastError } from '../../core/errors.ts';
import type { VolumeRecord } from './volume-record.ts';
import { stateOf, type VolumeFacts } from './volume-view.ts';

/** What clients of a volume get that is not served. */
export function unavailable({ volumeId }: VolumeRecord, why: string): HoldfastError {
  return new HoldfastError('UNAVAILABLE', `volume ${volumeId} is not served: ${why}`);
}

export function lost({ volumeId, fault }: VolumeRecord): HoldfastError {
  return new HoldfastError('IO', `volume ${volumeId} is lost (${fault?.reason}): ${fault?.detail}`, {
    hint: 'restore it from a snapshot',
  });
}

export function canceled({ volumeId }: VolumeRecord): HoldfastError {
  return new HoldfastError('GONE', `the restore of ${volumeId} was canceled; it is incomplete`, {
    hint: 'restore it again',
  });
}

export function noRestore({ volumeId }: VolumeRecord): HoldfastError {
  return new HoldfastError('CONFLICT', `no restore of ${volumeId} is running`);
}

/** Throws BUSY while a snapshot or a restore of the volume is under way. */
export function mustBeIdle(facts: VolumeFacts, what: 'restored' | 'snapshotted'): void {
  const state = stateOf(facts);
  if (!facts.upload && state !== 'restoring' && state !== 'paused') return;
  const busy = facts.upload ? 'a snapshot of it is being taken' : `it is ${state}`;
  throw new HoldfastError('BUSY', `volume ${facts.record.volumeId} cannot be ${what}: ${busy}`, {
    hint: facts.upload ? 'try again when it is done' : 'cancel the restore, or wait for its end',
  });
}

/** Throws IO where the volume has no content that could be read. */
export function mustBeHealthy(facts: VolumeFacts): void {
  const state = stateOf(facts);
  if (facts.opened && state === 'healthy') return;
  throw new HoldfastError('IO', `volume ${facts.record.volumeId} is ${state}`, { hint: 'restore it first' });
}
