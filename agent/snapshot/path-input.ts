import { constants } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { HoldfastError } from '../../core/errors.ts';
import { describeMark, isAtItsBlock, markBytes, markMagic } from '../../core/restore/mark.ts';
import { formatLimits } from '../../core/snapshot/geometry.ts';
import { openFileDevice } from '../nbd/file-device.ts';
import { lockPath } from '../restore/volume-target.ts';
import { deviceInput } from './device-input.ts';
import type { SnapshotInput } from './snapshot-input.ts';

/**
 * A file or a block device as the source of a snapshot. One whose blocks carry the marks of a restore that is not
 * complete is refused with WRONG_TARGET, at the latest when such a block is read. A device that is mounted or otherwise in use is refused
 * with BUSY, and a file that changes while it is read fails the snapshot with CONFLICT, for neither would be one
 * point in time; `force` takes them all. Also throws NOT_FOUND, FORBIDDEN, INVALID_INPUT, IO.
 */
export async function openPathInput(
  path: string,
  { force = false, stateDirectories = [] }: { force?: boolean; stateDirectories?: readonly string[] } = {},
): Promise<SnapshotInput & { close(): Promise<void> }> {
  const lock = force ? undefined : await lockPath(path, stateDirectories);
  const device = await openFileDevice(path, { readOnly: true }).catch(async (thrown: unknown) => {
    await lock?.release();
    throw thrown;
  });
  const info = await stat(path, { bigint: true });
  const claim =
    info.isBlockDevice() && !force ? await claimDevice(path).catch(failWith(device, lock)) : undefined;
  const changed = async (): Promise<boolean> => {
    const now = await stat(path, { bigint: true }).catch(() => undefined);
    return !now || now.mtimeNs !== info.mtimeNs || now.size !== info.size || now.ino !== info.ino;
  };
  const input = deviceInput(device);
  return {
    ...input,
    async readChunk(chunk) {
      const bytes = await input.readChunk(chunk);
      if (bytes && !force) refuseMarks(path, bytes, chunk.offsetBytes);
      return bytes;
    },
    async finish() {
      if (force || !info.isFile() || !(await changed())) return;
      throw new HoldfastError(
        'CONFLICT',
        `${path} was written to, replaced or deleted while the snapshot was taken`,
        {
          hint: 'stop what writes to it, or let the agent serve it as a volume; --force takes it as it is',
        },
      );
    },
    async close() {
      await claim?.close();
      await device.close();
      await lock?.release();
    },
  };
}

/** Linux refuses an exclusive open of a block device that is mounted, swapped to or part of something else. */
async function claimDevice(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_EXCL);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EBUSY') throw cause;
    throw new HoldfastError('BUSY', `${path} is in use (mounted, or part of another device)`, {
      hint: 'unmount it first; --force takes it while it changes, which is not one point in time',
      cause,
    });
  }
}

const failWith =
  (device: { close(): Promise<void> }, lock: { release(): unknown } | undefined) =>
  async (error: unknown): Promise<never> => {
    await device.close();
    await lock?.release();
    throw error;
  };

/** A mark names its block: what only looks like one, as in an image that lies in a file system, is elsewhere. */
function refuseMarks(path: string, bytes: Uint8Array, offsetBytes: number): void {
  const first = markMagic[0];
  for (let at = 0; at + markBytes <= bytes.length; at += formatLimits.chunkBytesMin) {
    if (bytes[at] !== first) continue;
    const mark = describeMark(bytes.subarray(at, at + markBytes));
    if (!mark || !isAtItsBlock(mark.block, offsetBytes + at)) continue;
    throw new HoldfastError('WRONG_TARGET', `${path} carries marks of a restore that is not complete`, {
      hint: 'let that restore go on to its end first; --force takes the file as it is, marks included',
    });
  }
}
