import { constants, writev } from 'node:fs';
import { open, stat, statfs, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { asHoldfastError, HoldfastError } from '../../core/errors.ts';
import type { TargetIdentity } from '../../core/restore/descriptor.ts';
import { fileError, fileIo, readFully, refuseIfCut, wasCut, writeFully } from '../nbd/file-device.ts';
import { noDirectory, noFileOrDevice, openError } from '../nbd/path-errors.ts';
import { fileNow, type FileNow } from '../nbd/file-now.ts';
import { loadLinuxFile } from '../nbd/linux-file.ts';
import { errnoOf, syncDirectory } from '../state/versioned-file.ts';
import {
  without,
  type LateWrite,
  type LateWriter,
  type OpenFile,
  type WriteFault,
} from '../transfer/late-writes.ts';
import { LateQueue } from './late-queue.ts';
import { fileIdentity } from './identity-at.ts';
import { dropPageCache } from './page-cache.ts';
import type { TargetDisk } from './target-disk.ts';
import { deviceSerial, deviceSizeBytes } from './block-device-facts.ts';

const zeroes = new Uint8Array(1024 * 1024);
const pageBytes = 4096;

/** A regular file or a block device, opened for one volume. */
export interface FileTarget extends TargetDisk {
  readonly path: string;
  readonly identity: TargetIdentity;
  /** Names the disk itself, whatever path it was opened by. */
  readonly lockName: string;
  readonly fd: number;
  /** Late writes are done by that one from now on. @default as all others */
  writeLateBy(writer: LateWriter | undefined): void;
}

/**
 * Opens what is there, for reading and writing; a block device exclusively, so that one in use is refused.
 * Throws NOT_FOUND, FORBIDDEN, BUSY, INVALID_INPUT (neither file nor block device), IO.
 */
export async function openFileTarget(
  path: string,
  options: { dropCache?: boolean } = {},
): Promise<FileTarget> {
  const handle = await openHandle(path);
  try {
    if (options.dropCache) await dropPageCache(handle.fd);
    return await targetOf(path, handle);
  } catch (thrown) {
    await handle.close();
    throw thrown instanceof HoldfastError ? thrown : fileError('open', path, thrown);
  }
}

/** Opens what is there, or an empty file that it makes, durably with its directory entry. Throws as `openFileTarget`. */
export async function makeFileTarget(path: string): Promise<{ target: FileTarget; isNew: boolean }> {
  const found = await stat(path).catch(() => undefined);
  const isNew = !found && (await createFile(path));
  return { target: await openFileTarget(path, { dropCache: true }), isNew };
}

/**
 * Makes a file as long as it has to be, durably; a device stays as it is. Call it once the target is locked: it may
 * cut the file. Throws INVALID_INPUT (a device that is too small), NO_SPACE, IO.
 */
export async function sizeFileTarget(target: FileTarget, diskBytes: number): Promise<void> {
  const { path, sizeBytes } = target;
  if (target.identity.kind === 'file') {
    if (sizeBytes !== diskBytes) await target.resize(diskBytes);
    await target.barrier();
    await syncDirectory(dirname(path));
  } else if (sizeBytes < diskBytes)
    throw new HoldfastError(
      'INVALID_INPUT',
      `${path} has ${sizeBytes} bytes, the volume needs ${diskBytes}`,
      {
        hint: 'take a larger device',
      },
    );
}

/** False where another process was faster. */
async function createFile(path: string): Promise<boolean> {
  try {
    await using handle = await open(path, 'wx', 0o600);
    await handle.sync();
    await syncDirectory(dirname(path));
    return true;
  } catch (cause) {
    if (errnoOf(cause) === 'EEXIST') return false;
    if (errnoOf(cause) === 'ENOENT') throw noDirectory(path, cause);
    throw fileError('create', path, cause);
  }
}

async function openHandle(path: string): Promise<FileHandle> {
  try {
    const info = await stat(path);
    if (!info.isFile() && !info.isBlockDevice()) throw noFileOrDevice(path);
    return await open(path, constants.O_RDWR | (info.isBlockDevice() ? constants.O_EXCL : 0));
  } catch (cause) {
    throw cause instanceof HoldfastError ? cause : openError(path, cause);
  }
}

async function targetOf(path: string, handle: FileHandle): Promise<FileTarget> {
  const info = await handle.stat({ bigint: true });
  const isDevice = info.isBlockDevice();
  const rdev = Number(info.rdev);
  const sizeBytes = isDevice ? await deviceSizeBytes(rdev) : Number(info.size);
  const identity: TargetIdentity = isDevice
    ? { kind: 'device', serial: await deviceSerial(rdev), sizeBytes }
    : fileIdentity(info);
  const lockName = isDevice ? `device/${rdev}` : `file/${info.dev}:${info.ino}`;
  return new OpenTarget({ path, handle, sizeBytes, identity, lockName });
}

class OpenTarget implements FileTarget {
  readonly path: string;
  readonly identity: TargetIdentity;
  readonly lockName: string;
  readonly fd: number;
  readonly #handle: FileHandle;
  readonly #io: ReturnType<typeof fileIo>;
  #sizeBytes: number;
  #late: LateQueue | undefined;
  #now: FileNow | undefined;
  readonly #lost = Promise.withResolvers<HoldfastError>();
  readonly lost = this.#lost.promise;

  constructor(p: {
    path: string;
    handle: FileHandle;
    sizeBytes: number;
    identity: TargetIdentity;
    lockName: string;
  }) {
    this.path = p.path;
    this.identity = p.identity;
    this.lockName = p.lockName;
    this.fd = p.handle.fd;
    this.#handle = p.handle;
    this.#sizeBytes = p.sizeBytes;
    this.#io = fileIo(p.handle.fd);
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  read(into: Uint8Array, offsetBytes: number): Promise<void> {
    return readFully(this.#io, into, offsetBytes, this.path);
  }

  /** From the first one on it is found out whether the kernel can say what is in the page cache. */
  readNow(into: Uint8Array, offsetBytes: number): boolean {
    if (!this.#now) {
      this.#now = fileNow(this.fd, { linuxFile: undefined, blockBytes: pageBytes });
      void loadLinuxFile().then((linuxFile) => {
        this.#now = fileNow(this.fd, { linuxFile, blockBytes: pageBytes });
      });
    }
    return this.#now.read(into, offsetBytes);
  }

  writeLateBy(writer: LateWriter | undefined): void {
    const file = (): OpenFile => ({
      fd: this.fd,
      ...(this.identity.kind === 'file' && { sizeBytes: this.#sizeBytes }),
    });
    this.#late = writer && new LateQueue(writer, file);
  }

  async write(
    parts: readonly Uint8Array[],
    offsetBytes: number,
    options: { late?: boolean } = {},
  ): Promise<void> {
    if (options.late && (await this.#isWrittenLate({ parts, offsetBytes }))) return;
    this.#refuseRegrowth();
    const [only] = parts;
    if (only && parts.length === 1) return writeFully(this.#io, only, offsetBytes, this.path);
    // A short write: what is left goes out part by part.
    let at = offsetBytes + (await this.#writev(parts, offsetBytes));
    for (const part of without(parts, at - offsetBytes)) {
      await writeFully(this.#io, part, at, this.path);
      at += part.length;
    }
  }

  /** False where the thread has died: the same once more does no harm, and this thread can write as well. */
  async #isWrittenLate(write: LateWrite): Promise<boolean> {
    if (!this.#late) return false;
    let fault: WriteFault | undefined;
    try {
      fault = await this.#late.write(write);
    } catch {
      return false;
    }
    if (!fault) return true;
    if (!('foundBytes' in fault))
      throw fileError('write', this.path, Object.assign(new Error(fault.message), fault));
    const cut = wasCut(this.path, fault.foundBytes, this.#sizeBytes);
    this.#lost.resolve(cut);
    throw cut;
  }

  async zero(
    offsetBytes: number,
    lengthBytes: number,
    options: { noHole?: boolean; late?: boolean } = {},
  ): Promise<void> {
    if (options.late && (await this.#isWrittenLate({ zeroBytes: lengthBytes, offsetBytes }))) return;
    this.#refuseRegrowth();
    const linux = await loadLinuxFile();
    const keepSpace = options.noHole ?? false;
    if (await linux?.zeroRange(this.fd, offsetBytes, lengthBytes, { keepSpace })) return;
    for (let done = 0; done < lengthBytes; done += zeroes.length) {
      const piece = zeroes.subarray(0, Math.min(zeroes.length, lengthBytes - done));
      await writeFully(this.#io, piece, offsetBytes + done, this.path);
    }
  }

  async barrier(): Promise<void> {
    await this.#io.sync().catch((cause: unknown) => {
      throw fileError('sync', this.path, cause);
    });
    if (this.identity.kind === 'file') await this.#refuseCut();
  }

  /** A write would make a file long again that somebody cut: what was cut off would read as zeroes and nobody would know. */
  #refuseRegrowth(): void {
    if (this.identity.kind !== 'file') return;
    try {
      refuseIfCut(this.fd, this.path, this.#sizeBytes);
    } catch (thrown) {
      this.#lost.resolve(asHoldfastError(thrown));
      throw thrown;
    }
  }

  /** What somebody cut off reads as zeroes once a write behind it makes the file long again. */
  async #refuseCut(): Promise<void> {
    const expected = this.#sizeBytes;
    const { size } = await this.#handle.stat();
    // A resize of our own may begin or end meanwhile.
    if (size >= Math.min(expected, this.#sizeBytes)) return;
    throw wasCut(this.path, size, this.#sizeBytes);
  }

  async resize(sizeBytes: number): Promise<void> {
    const before = this.#sizeBytes;
    // The file is never shorter than this says: a barrier that runs meanwhile would take it for cut.
    this.#sizeBytes = Math.min(before, sizeBytes);
    await this.#handle.truncate(sizeBytes).catch((cause: unknown) => {
      this.#sizeBytes = before;
      throw fileError('resize', this.path, cause);
    });
    this.#sizeBytes = sizeBytes;
  }

  async freeBytes(): Promise<number | undefined> {
    if (this.identity.kind === 'device') return undefined;
    const { blocks, size } = await this.#handle.stat();
    if (blocks * 512 >= size) return undefined;
    // Of the file that is open, whatever its path names by now.
    const { bavail, bsize } = await statfs(`/proc/self/fd/${this.fd}`);
    return bavail * bsize;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  #writev(parts: readonly Uint8Array[], offsetBytes: number): Promise<number> {
    return new Promise((resolve, reject) => {
      writev(this.fd, parts as Uint8Array[], offsetBytes, (error, count) =>
        error ? reject(fileError('write', this.path, error)) : resolve(count),
      );
    });
  }
}
