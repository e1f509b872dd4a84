import { HoldfastError } from '../../core/errors.ts';
import { typed } from '../../core/typed.ts';

/** For who wants to steer a restore; `state`: what became of the last one. */
export function notRunning(volumeId: string, state?: string): HoldfastError {
  const last = state === undefined ? '' : `: the last one is ${state}`;
  return new HoldfastError('CONFLICT', `no restore of ${volumeId} is running${last}`, {
    hint: `\`${typed('holdfast-agent volume list')}\` shows what is`,
  });
}

/** What clients get of a volume whose restore was given up. */
export function canceled(snapshotId: string): HoldfastError {
  return new HoldfastError('GONE', `the restore from ${snapshotId} was canceled; the volume is incomplete`, {
    hint: 'restore it again',
  });
}
