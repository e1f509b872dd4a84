import { HoldfastError } from '../../core/errors.ts';
import type { RestoreEngine } from '../restore/restore-engine.ts';
import type { VolumeRecord } from './volume-record.ts';
import { stateOf, type Opened, type VolumeFacts } from './volume-view.ts';
import { notRunning } from '../restore/engine-errors.ts';
import { typed } from '../../core/typed.ts';

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

/** Also one that was lost when somebody decided to restore it. */
export function isHealthy({ volumeId }: VolumeRecord): HoldfastError {
  return new HoldfastError('CONFLICT', `volume ${volumeId} is healthy and was not restored`, {
    hint:
      'to give up what was written since the snapshot, send it with `-p replace=true`,' +
      ` or on the gateway \`${typed(`holdfast-agent volume restore ${volumeId} --replace`)}\``,
  });
}

/** Without its descriptor nothing would tell what is restored, and the file would be taken for a whole volume. */
export function unfinished({ volumeId, path }: { volumeId: string; path: string }): HoldfastError {
  return new HoldfastError('BUSY', `the restore of ${volumeId} is not complete, so it cannot be forgotten`, {
    hint: `wait for its end, restore it again, or delete ${path} first`,
  });
}

export function forgotten({ volumeId }: VolumeRecord): HoldfastError {
  return new HoldfastError('NOT_FOUND', `volume ${volumeId} was deleted meanwhile`, {
    hint: `\`${typed('holdfast-agent volume list')}\` shows what there is`,
  });
}

/** Throws BUSY while a snapshot or another restore of the volume is under way. */
export function mustBeIdle(facts: VolumeFacts): void {
  const state = stateOf(facts);
  if (facts.upload) throw busyUploading(facts);
  const { volumeId } = facts.record;
  if (state === 'restoring' || state === 'paused')
    throw new HoldfastError('BUSY', `volume ${volumeId} cannot be restored: it is ${state}`, {
      hint:
        (state === 'paused'
          ? `\`${typed(`holdfast-agent volume resume ${volumeId}`)}\` goes on`
          : 'wait for its end') +
        `, \`${typed(`holdfast-agent volume cancel ${volumeId}`)}\` gives that restore up`,
    });
}

/**
 * Throws BUSY while a snapshot is being taken, IO where the volume cannot be read. One that is being restored can: what
 * is not there yet comes from the snapshot that it is restored from.
 */
export function mustBeReadable(facts: VolumeFacts): Opened {
  if (facts.upload) throw busyUploading(facts);
  return mustBeServed(facts);
}

/** Throws IO where the volume cannot be read. */
export function mustBeServed(facts: VolumeFacts): Opened {
  const { opened, record } = facts;
  const state = stateOf(facts);
  if (opened && (state === 'healthy' || state === 'restoring' || state === 'paused')) return opened;
  throw new HoldfastError('IO', `volume ${record.volumeId} is ${state}`, { hint: 'restore it first' });
}

function busyUploading({ record }: VolumeFacts): HoldfastError {
  return new HoldfastError('BUSY', `a snapshot of volume ${record.volumeId} is being taken`, {
    hint: 'try again when it is done',
  });
}

/** Throws CONFLICT where no restore runs. */
export function engineOf({ opened, record }: VolumeFacts): RestoreEngine {
  const engine = opened?.restore?.engine;
  if (engine) return engine;
  throw notRunning(record.volumeId);
}
