import { stat, unlink } from 'node:fs/promises';
import { HoldfastError } from '../../core/errors.ts';
import { sameIdentity, type TargetIdentity } from '../../core/restore/descriptor.ts';
import { refuseMarked } from './find-mark.ts';
import { noFileOrDevice, openError } from '../nbd/path-errors.ts';
import { reserveBytes } from './background-filler.ts';
import { makeFileTarget, openFileTarget, sizeFileTarget, type FileTarget } from './file-target.ts';
import { identityAt } from './identity-at.ts';
import { refuseUnfinished } from './unfinished-restores.ts';
import { lockProcess, type ProcessLock } from '../state/process-lock.ts';

/** A volume's disk, opened, and the lock that keeps other processes from it. */
export interface LockedTarget {
  target: FileTarget;
  lock: ProcessLock;
}

/**
 * The volume's disk as it was left. Throws as `openFileTarget`, WRONG_TARGET (another disk), CORRUPT (too short),
 * BUSY (another process has it).
 */
export async function openVolumeTarget(
  p: { path: string; sizeBytes: number; identity: TargetIdentity },
  options?: { dropCache?: boolean },
): Promise<LockedTarget> {
  return lockOpened(await openFileTarget(p.path, options), (target) => {
    if (!sameIdentity(target.identity, p.identity))
      throw new HoldfastError('WRONG_TARGET', `${p.path} is another disk or file than the volume's`);
    if (target.sizeBytes < p.sizeBytes)
      throw new HoldfastError('CORRUPT', `${p.path} has ${target.sizeBytes} bytes of ${p.sizeBytes}`);
  });
}

export interface PreparedTarget extends LockedTarget {
  /** True where the file was not there before. */
  isNew: boolean;
}

/**
 * What a restore writes to: made or sized as needed, once no other process has it. Throws as `openFileTarget`,
 * INVALID_INPUT (a device that is too small), NO_SPACE, BUSY; a file that it made does not stay then.
 */
export async function prepareVolumeTarget(path: string, diskBytes: number): Promise<PreparedTarget> {
  const { target, isNew } = await makeFileTarget(path);
  let lock: ProcessLock | undefined;
  try {
    lock = await lockTarget(target);
    await mustStillBe(path, target);
    await sizeFileTarget(target, diskBytes);
    const free = await target.freeBytes();
    if (free !== undefined && free < reserveBytes)
      throw new HoldfastError('NO_SPACE', `the file system of ${path} has ${free} bytes left`, {
        hint: 'make room there first',
      });
    return { target, lock, isNew };
  } catch (thrown) {
    await target.close();
    // Without the lock it may be another process's by now.
    if (isNew && lock) await unlink(path).catch(() => undefined);
    await lock?.release();
    throw thrown;
  }
}

/** Throws BUSY where the path names another file than the one that was opened: its maker may have taken it away. */
async function mustStillBe(path: string, { identity }: FileTarget): Promise<void> {
  const found = await identityAt(path);
  if (found && sameIdentity(found.identity, identity)) return;
  throw new HoldfastError('BUSY', `${path} was replaced while it was opened`, { hint: 'try again' });
}

/** Throws BUSY where another process has the same disk, by whatever path. */
export function lockTarget(target: Pick<FileTarget, 'path' | 'lockName'>): Promise<ProcessLock> {
  return lockProcess(`holdfast-volume/${target.lockName}`, {
    message: `another process uses ${target.path}: it serves it, restores it or takes a snapshot of it`,
    hint: 'wait until it is done, or stop it; one volume has one process',
  });
}

/**
 * The lock of a file or device that is served or read without being a volume. Throws as `openFileDevice`, and
 * WRONG_TARGET where a restore of it is not complete, as its blocks say or what this machine remembers.
 */
export async function lockPath(path: string, stateDirectories: readonly string[]): Promise<ProcessLock> {
  const info = await stat(path, { bigint: true }).catch((cause: unknown) => {
    throw openError(path, cause);
  });
  if (!info.isFile() && !info.isBlockDevice()) throw noFileOrDevice(path);
  const lockName = info.isBlockDevice() ? `device/${info.rdev}` : `file/${info.dev}:${info.ino}`;
  const lock = await lockTarget({ path, lockName });
  try {
    const found = await identityAt(path);
    if (found) {
      await refuseMarked(path, found.sizeBytes);
      await refuseUnfinished(path, found.identity, stateDirectories);
    }
    return lock;
  } catch (thrown) {
    await lock.release();
    throw thrown;
  }
}

/** Closes the target where it cannot be had: BUSY, or what the check throws. */
export async function lockOpened(
  target: FileTarget,
  check: (target: FileTarget) => void = () => undefined,
): Promise<LockedTarget> {
  try {
    check(target);
    return { target, lock: await lockTarget(target) };
  } catch (thrown) {
    await target.close();
    throw thrown;
  }
}

/** Empty for devices: nothing says when they were written last. */
export async function modifiedAtNs(path: string): Promise<string> {
  const info = await stat(path, { bigint: true });
  return info.isFile() ? String(info.mtimeNs) : '';
}
