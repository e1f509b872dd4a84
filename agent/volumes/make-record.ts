import { stat } from 'node:fs/promises';
import { HoldfastError } from '../../core/errors.ts';
import { openFileTarget } from '../restore/file-target.ts';
import { refuseUnfinished } from '../restore/unfinished-restores.ts';
import { lockOpened, prepareVolumeTarget, refuseMarked } from '../restore/volume-target.ts';
import type { VolumeRecord } from './volume-record.ts';

/**
 * Adopts what is at the path, or makes a sparse file there. Throws INVALID_INPUT (a size that is not its own, or is
 * needed), WRONG_TARGET (a restore of it is not complete), and as `openFileTarget` and `prepareVolumeTarget`.
 */
export async function makeRecord(
  p: { volumeId: string; path: string; sizeBytes?: number },
  stateDirectories: readonly string[],
): Promise<VolumeRecord> {
  const found = await stat(p.path).catch(() => undefined);
  const isEmpty = found?.isFile() && found.size === 0;
  if ((!found || isEmpty) && p.sizeBytes === undefined)
    throw new HoldfastError('INVALID_INPUT', `${p.path} ${found ? 'is empty' : 'does not exist'}`, {
      hint: 'give a size to make it',
    });
  const isNew = !found || isEmpty;
  const { target, lock } = isNew
    ? await prepareVolumeTarget(p.path, p.sizeBytes ?? 0)
    : await lockOpened(await openFileTarget(p.path));
  try {
    const { sizeBytes, identity } = target;
    if (p.sizeBytes !== undefined && p.sizeBytes !== sizeBytes)
      throw new HoldfastError('INVALID_INPUT', `${p.path} has ${sizeBytes} bytes, not ${p.sizeBytes}`, {
        hint: 'leave the size out to take it as it is',
      });
    await refuseMarked(p.path);
    await refuseUnfinished(p.path, identity, stateDirectories);
    return { volumeId: p.volumeId, path: p.path, sizeBytes, identity };
  } finally {
    await target.close();
    await lock.release();
  }
}
