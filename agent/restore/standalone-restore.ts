import { createHash } from 'node:crypto';
import { mkdir, readlink, realpath, rmdir, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { HoldfastError } from '../../core/errors.ts';
import { sameIdentity, type Descriptor } from '../../core/restore/descriptor.ts';
import { makeGeometry } from '../../core/restore/geometry.ts';
import type { SnapshotSource } from '../../core/snapshot/source.ts';
import { noDirectory } from '../nbd/path-errors.ts';
import { errnoOf, ioError, syncDirectory } from '../state/versioned-file.ts';
import { lockProcess, type ProcessLock } from '../state/process-lock.ts';
import { geometryFor, newDescriptor, newRestoreId } from './restore-plan.ts';
import { LazySource } from './lazy-source.ts';
import { lockTarget, prepareVolumeTarget, type LockedTarget, type PreparedTarget } from './volume-target.ts';
import { refuseUnfinished } from './unfinished-restores.ts';
import { fileDescriptorStore } from './descriptor-store.ts';
import type { LateWriter } from '../transfer/late-writes.ts';
import type { EngineDeps } from './engine-parts.ts';
import { openFileTarget, type FileTarget } from './file-target.ts';
import { identityAt } from './identity-at.ts';
import { RestoreEngine } from './restore-engine.ts';

/** A restore that needs no agent: one target, one folder below the state directory. */
export interface StandaloneParams {
  path: string;
  snapshotId: string;
  stateDirectory: string;
  /** Where else this machine remembers restores: one that is not complete is not restored over. @default none */
  otherStateDirectories?: readonly string[];
  /** Begin anew whatever was there. */
  again?: boolean;
  arity?: number;
  bandwidthBytesPerSec?: number;
  promisedBytesPerSec?: number;
  /** Opens the snapshot; `rootHash` is given where a restore goes on, which asks only when a chunk is wanted. */
  openSource: (restoreId: string, rootHash?: Uint8Array) => Promise<SnapshotSource>;
  /** A snapshot was opened and the restore could not begin. */
  abandon: (restoreId: string) => Promise<void>;
  lateWriter?: LateWriter | undefined;
  engineDeps: Omit<EngineDeps, 'target' | 'source' | 'store'>;
}

export interface StandaloneRestore {
  engine: RestoreEngine;
  /** True where an earlier run's restore goes on. */
  isResumed: boolean;
  /** Throws WRONG_TARGET where the path names another file by now, or none: the restored one is not found there. */
  mustBeInPlace(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Begins a restore onto the target, or goes on with the one that an earlier run began there. Throws WRONG_TARGET
 * (another disk than the one that was being restored), CONFLICT (it is being restored from another snapshot),
 * INVALID_INPUT (smaller than the snapshot), BUSY, NO_SPACE and what opening the snapshot throws.
 */
export async function openStandaloneRestore(p: StandaloneParams): Promise<StandaloneRestore> {
  const path = await realPath(p.path);
  // Before anything is read or made: of several restores to one path the others must not see this one's half.
  const lock = await lockProcess(`holdfast-restore/${nameOf(path)}`, {
    message: `another process restores ${path}`,
    hint: 'wait until it is done, or stop it first',
  });
  try {
    const folder = await makeFolder(restoreFolder(p.stateDirectory, path));
    const opened = await openLocked(p, path, folder);
    const close = () => opened.close().finally(() => lock.release());
    return { ...opened, close };
  } catch (thrown) {
    await lock.release();
    throw thrown;
  }
}

async function openLocked(p: StandaloneParams, path: string, folder: string): Promise<StandaloneRestore> {
  const store = fileDescriptorStore(join(folder, 'restore.json'));
  const stored = p.again ? undefined : await store.load();
  const goesOn = stored && (await mayGoOn(stored, path, p.snapshotId));
  const found = goesOn || p.again ? undefined : await identityAt(path);
  if (found) await refuseUnfinished(path, found.identity, p.otherStateDirectories ?? [], { except: stored });
  const restoreId = goesOn ? stored.frozen.restoreId : newRestoreId();
  const source = goesOn
    ? new LazySource(stored, () => p.openSource(restoreId, Buffer.from(stored.frozen.rootHash, 'hex')))
    : await p.openSource(restoreId);
  let lock: ProcessLock | undefined;
  let target: FileTarget | undefined;
  let made: Awaited<ReturnType<typeof newTarget>> | undefined;
  try {
    made = goesOn ? undefined : await newTarget(path, source);
    ({ target, lock } = made ?? (await reopenTarget(stored as Descriptor, path)));
    target.writeLateBy(p.lateWriter);
    const deps: EngineDeps = { ...p.engineDeps, target, source, store };
    const engine = made
      ? await RestoreEngine.begin(deps, describe(p, { path, restoreId, source, ...made }))
      : await RestoreEngine.resume(deps, withRates(stored as Descriptor, p));
    const held = lock;
    const close = async () => {
      await engine.close();
      await source.close();
      await held.release();
    };
    return { engine, isResumed: !made, mustBeInPlace: () => mustBeInPlace(engine.descriptor), close };
  } catch (thrown) {
    await source.close();
    await target?.close();
    // Nothing remembers a file that was made and whose descriptor could not be stored.
    if (made?.isNew && !(await store.load().catch(() => true))) await unlink(path).catch(() => undefined);
    await lock?.release();
    if (!goesOn) await p.abandon(restoreId);
    if (!stored) await rmdir(folder).catch(() => undefined);
    throw thrown;
  }
}

/** The folder of a target's restore below a state directory. */
export function restoreFolder(stateDirectory: string, path: string): string {
  return join(stateDirectory, 'restores', nameOf(path));
}

const nameOf = (path: string): string => createHash('sha256').update(path).digest('hex').slice(0, 24);

/** The target may not exist yet, also where a link leads to it; the folder that it is in must. */
export async function realPath(path: string): Promise<string> {
  const full = resolve(path);
  try {
    return await realpath(full);
  } catch (cause) {
    const link = errnoOf(cause) === 'ENOENT' ? await readlink(full).catch(() => undefined) : undefined;
    // Links in a circle are ELOOP, so this ends.
    if (link !== undefined) return realPath(resolve(dirname(full), link));
    const parent = await realpath(dirname(full)).catch((cause: unknown) => {
      throw noDirectory(path, cause);
    });
    return join(parent, basename(full));
  }
}

async function makeFolder(folder: string): Promise<string> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await syncDirectory(dirname(folder));
    return folder;
  } catch (cause) {
    throw ioError('make', folder, cause);
  }
}

/** False where the target is to be restored anew. */
async function mayGoOn(stored: Descriptor, path: string, snapshotId: string): Promise<boolean> {
  const { frozen, moving } = stored;
  const found = await identityAt(path);
  const isSame = found !== undefined && sameIdentity(found.identity, frozen.identity);
  if (moving.phase === 'canceled') return false;
  if (moving.phase === 'restored') return isSame && frozen.snapshotId === snapshotId;
  if (frozen.snapshotId !== snapshotId)
    throw new HoldfastError('CONFLICT', `${path} is being restored from snapshot ${frozen.snapshotId}`, {
      hint: 'finish that restore first, or begin anew with --again: what is on the target is lost then',
    });
  if (!isSame)
    throw new HoldfastError('WRONG_TARGET', `${path} is not the disk or file whose restore was begun`, {
      hint: 'bring that one back, or begin anew with --again',
    });
  return true;
}

async function mustBeInPlace({ frozen: { path, identity } }: Descriptor): Promise<void> {
  const found = await identityAt(path);
  if (found && sameIdentity(found.identity, identity)) return;
  throw new HoldfastError(
    'WRONG_TARGET',
    `${path} was ${found ? 'replaced' : 'moved or deleted'} while it was restored; what was restored is not there`,
    { hint: 'bring the restored file back, or run the same command again with --again' },
  );
}

async function reopenTarget({ frozen, moving }: Descriptor, path: string): Promise<LockedTarget> {
  const target = await openFileTarget(path, { dropCache: true });
  let lock: ProcessLock | undefined;
  try {
    lock = await lockTarget(target);
    if (target.sizeBytes < frozen.volumeBytes)
      throw new HoldfastError('WRONG_TARGET', `${path} was truncated since its restore was begun`, {
        hint: 'begin anew with --again',
      });
    const { diskBytes } = makeGeometry(frozen);
    if (moving.phase !== 'restored' && frozen.identity.kind === 'file' && target.sizeBytes < diskBytes)
      await target.resize(diskBytes);
    return { target, lock };
  } catch (thrown) {
    await target.close();
    await lock?.release();
    throw thrown;
  }
}

/** A file that is missing or empty gets the snapshot's size; anything else keeps its own. */
async function newTarget(
  path: string,
  source: SnapshotSource,
): Promise<PreparedTarget & { volumeBytes: number }> {
  const info = await stat(path).catch(() => undefined);
  const found = info && (await identityAt(path));
  const volumeBytes = found && found.sizeBytes > 0 ? found.sizeBytes : source.sizeBytes;
  // Throws where the volume is too small, before anything is touched. Padding comes when the descriptor knows the size.
  geometryFor(volumeBytes, source);
  return { ...(await prepareVolumeTarget(path, volumeBytes)), volumeBytes };
}

function describe(
  p: StandaloneParams,
  made: { path: string; restoreId: string; source: SnapshotSource; target: FileTarget; volumeBytes: number },
): Descriptor {
  const { path, restoreId, source, target, volumeBytes } = made;
  return newDescriptor({
    volumeId: `standalone ${basename(path)}`.slice(0, 200),
    path,
    identity: target.identity,
    restoreId,
    geometry: geometryFor(volumeBytes, source, p.arity),
    source,
    bandwidthBytesPerSec: p.bandwidthBytesPerSec,
    promisedBytesPerSec: p.promisedBytesPerSec,
  });
}

/** Limit and promise are this run's; everything else is the restore's own. */
function withRates(
  stored: Descriptor,
  { bandwidthBytesPerSec, promisedBytesPerSec }: StandaloneParams,
): Descriptor {
  return {
    ...stored,
    moving: { ...stored.moving, paused: false, bandwidthBytesPerSec, promisedBytesPerSec },
  };
}
