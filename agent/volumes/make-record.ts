import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { HoldfastError } from '../../core/errors.ts';
import { openFileTarget } from '../restore/file-target.ts';
import { refuseMarked } from '../restore/find-mark.ts';
import { refuseUnfinished } from '../restore/unfinished-restores.ts';
import { lockOpened, prepareVolumeTarget } from '../restore/volume-target.ts';
import type { VolumeRecord } from './volume-record.ts';

/** Of a volume that is made, or adopted. */
export const volumeBytesMin = 4096;

/** Commands come from afar: what identifies this gateway must not leave it in a snapshot, nor a restore overwrite it. */
async function refuseOwnState(path: string, stateDirectories: readonly string[]): Promise<void> {
  const real = (some: string) => realpath(some).catch(() => resolve(some));
  const place = join(await real(dirname(path)), basename(path));
  const target = await real(place);
  for (const directory of await Promise.all(stateDirectories.map(real)))
    if ([place, target].some((one) => one === directory || one.startsWith(`${directory}/`)))
      throw new HoldfastError('FORBIDDEN', `${path} is in the state directory ${directory}`, {
        hint: 'choose a path elsewhere',
      });
}

/**
 * Adopts what is at the path, or makes a sparse file there. Throws INVALID_INPUT (a size that is not its own, or is
 * needed), WRONG_TARGET (a restore of it is not complete), and as `openFileTarget` and `prepareVolumeTarget`.
 */
export async function makeRecord(
  p: { volumeId: string; path: string; sizeBytes?: number },
  stateDirectories: readonly string[],
): Promise<VolumeRecord> {
  await refuseOwnState(p.path, stateDirectories);
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
    if (sizeBytes < volumeBytesMin)
      throw new HoldfastError('INVALID_INPUT', `${p.path} has ${sizeBytes} bytes and is no disk`, {
        hint: `a volume has at least ${volumeBytesMin} bytes`,
      });
    await refuseMarked(p.path, sizeBytes);
    await refuseUnfinished(p.path, identity, stateDirectories);
    return { volumeId: p.volumeId, path: p.path, sizeBytes, identity };
  } finally {
    await target.close();
    await lock.release();
  }
}
