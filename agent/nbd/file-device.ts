import { constants, fdatasync, fstatSync, read, write } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import type { BlockDevice, Extent, StatusContext } from '../../core/block-device.ts';
import { HoldfastError } from '../../core/errors.ts';
import { fileNow } from './file-now.ts';
import { loadLinuxFile, type LinuxFile } from './linux-file.ts';
import { noFileOrDevice, openError } from './path-errors.ts';

/** Reads and writes of one open file. Each may do less than asked, as the system calls may. */
export interface FileIo {
  /** Resolves with the number of bytes read; 0 at the end of the file. */
  read(into: Uint8Array, offsetBytes: number): Promise<number>;
  write(from: Uint8Array, offsetBytes: number): Promise<number>;
  /** fdatasync. */
  sync(): Promise<void>;
}

/** By callbacks: `FileHandle`'s promises cost several microseconds more a call. */
export function fileIo(fd: number): FileIo {
  return {
    read: (into, offsetBytes) =>
      new Promise((resolve, reject) => {
        read(fd, into, 0, into.length, offsetBytes, (error, count) =>
          error ? reject(error) : resolve(count),
        );
      }),
    write: (from, offsetBytes) =>
      new Promise((resolve, reject) => {
        write(fd, from, 0, from.length, offsetBytes, (error, count) =>
          error ? reject(error) : resolve(count),
        );
      }),
    sync: () =>
      new Promise((resolve, reject) => {
        fdatasync(fd, (error) => (error ? reject(error) : resolve()));
      }),
  };
}

/** Fills `into`. Throws IO, also where the file ends before. */
export async function readFully(
  io: FileIo,
  into: Uint8Array,
  offsetBytes: number,
  name: string,
): Promise<void> {
  let done = 0;
  while (done < into.length) {
    const rest = done === 0 ? into : into.subarray(done);
    const count = await io.read(rest, offsetBytes + done).catch((cause) => {
      throw fileError('read', name, cause);
    });
    if (count === 0)
      throw new HoldfastError('IO', `${name} ends at byte ${offsetBytes + done}: it was truncated`);
    done += count;
  }
}

/** Writes all of `from`, looping over short writes. Throws NO_SPACE and IO. */
export async function writeFully(
  io: FileIo,
  from: Uint8Array,
  offsetBytes: number,
  name: string,
): Promise<void> {
  let done = 0;
  while (done < from.length) {
    const rest = done === 0 ? from : from.subarray(done);
    const count = await io.write(rest, offsetBytes + done).catch((cause) => {
      throw fileError('write', name, cause);
    });
    if (count === 0) throw new HoldfastError('IO', `${name} takes no bytes at ${offsetBytes + done}`);
    done += count;
  }
}

const noSpaceCodes = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** A system call's error as ours: no room is NO_SPACE, everything else IO. */
export function fileError(what: string, name: string, cause: unknown): HoldfastError {
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  const message = cause instanceof Error ? cause.message : String(cause);
  return new HoldfastError(noSpaceCodes.has(code) ? 'NO_SPACE' : 'IO', `cannot ${what} ${name}: ${message}`, {
    hint: hints[code],
    cause,
  });
}

const hints: Readonly<Record<string, string>> = {
  ENOSPC: 'make room on that file system',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'that file system, or `ulimit -f`, allows no file of that size',
};

/** Throws IO where an open file is shorter than it has to be. Costs less than a microsecond. */
export function refuseIfCut(fd: number, name: string, sizeBytes: number): void {
  const { size } = fstatSync(fd);
  if (size < sizeBytes) throw wasCut(name, size, sizeBytes);
}

export const wasCut = (name: string, foundBytes: number, sizeBytes: number): HoldfastError =>
  new HoldfastError('IO', `somebody else cut ${name} to ${foundBytes} of ${sizeBytes} bytes`, {
    hint: 'what was cut off is lost; restore a snapshot to it',
  });

export interface FileDeviceOptions {
  readOnly?: boolean;
  /** Tests put a file that misbehaves underneath. @default the real file */
  wrapIo?: (io: FileIo) => FileIo;
  /** @default the native binding, where it can be loaded */
  linuxFile?: LinuxFile;
}

/** A write of zeroes where they cannot be punched goes out in pieces of this size. */
const zeroesBytes = 256 * 1024;
const zeroes = Buffer.alloc(zeroesBytes);
/** To look before each of a dozen writes that come together is a sixth of what they take. */
const lookEveryMs = 0.25;
/** One call looks for no more extents, because it looks synchronously. */
const extentsPerCallMax = 256;

/**
 * A plain file or block device as a block device of its present size. A block device is opened exclusively, so that
 * one that is mounted is refused. Throws NOT_FOUND, FORBIDDEN, BUSY, INVALID_INPUT (empty, or neither file nor device), IO.
 */
export async function openFileDevice(path: string, options: FileDeviceOptions = {}): Promise<BlockDevice> {
  const readOnly = options.readOnly ?? false;
  const info = await stat(path).catch((cause) => {
    throw openError(path, cause);
  });
  if (!info.isFile() && !info.isBlockDevice()) throw noFileOrDevice(path);
  const exclusive = info.isBlockDevice() && !readOnly ? constants.O_EXCL : 0;
  const flags = (readOnly ? constants.O_RDONLY : constants.O_RDWR) | exclusive;
  const handle = await open(path, flags).catch((cause) => {
    throw openError(path, cause);
  });
  const sizeBytes = info.isFile() ? info.size : await deviceSizeBytes(info.rdev);
  if (sizeBytes === 0) {
    await handle.close();
    throw new HoldfastError('INVALID_INPUT', `${path} is empty`, {
      hint: 'give it a size: truncate -s SIZE',
    });
  }
  const linuxFile = options.linuxFile ?? (await loadLinuxFile());
  const real = fileIo(handle.fd);
  const io = options.wrapIo ? options.wrapIo(real) : real;
  const { fd } = handle;
  const close = () => handle.close();
  const blockBytes = info.blksize;
  const isFile = info.isFile();
  return fileDevice({ name: path, isFile, fd, io, linuxFile, sizeBytes, blockBytes, readOnly, close });
}

interface FileDeviceParts {
  name: string;
  isFile: boolean;
  fd: number;
  io: FileIo;
  linuxFile: LinuxFile | undefined;
  sizeBytes: number;
  /** Of the file system. */
  blockBytes: number;
  readOnly: boolean;
  close(): Promise<void>;
}

function fileDevice({
  name,
  isFile,
  fd,
  io,
  linuxFile,
  sizeBytes,
  blockBytes,
  readOnly,
  close,
}: FileDeviceParts): BlockDevice {
  /**
   * Linux reports a failed write-back once and then forgets it, so a second fdatasync would succeed although data is
   * lost. After the first failure nothing is acknowledged any more until the file is opened anew.
   */
  let lost: HoldfastError | undefined;
  const refuseIfLost = (): void => {
    if (lost)
      throw new HoldfastError('IO', `${name} failed to reach the disk before: ${lost.message}`, {
        cause: lost,
      });
  };
  /** A write would make it long again, and what was cut off would read as zeroes. */
  const refuseRegrowth = (): void => {
    if (isFile) refuseIfCut(fd, name, sizeBytes);
  };
  let lookedAtMs = -Infinity;
  let isShort = false;
  const isCut = (): boolean => {
    if (!isFile) return false;
    const nowMs = performance.now();
    if (nowMs - lookedAtMs > lookEveryMs) {
      lookedAtMs = nowMs;
      isShort = fstatSync(fd).size < sizeBytes;
    }
    return isShort;
  };
  let syncs = 0;
  const flush = async (): Promise<void> => {
    refuseIfLost();
    syncs++;
    try {
      await io.sync();
    } catch (cause) {
      lost ??= fileError('sync', name, cause);
      throw lost;
    } finally {
      syncs--;
    }
    refuseIfLost();
  };
  const zero = async (offsetBytes: number, lengthBytes: number, keepSpace: boolean): Promise<void> => {
    refuseIfLost();
    refuseRegrowth();
    if (await linuxFile?.zeroRange(fd, offsetBytes, lengthBytes, { keepSpace })) return;
    for (let done = 0; done < lengthBytes; done += zeroesBytes) {
      const piece = zeroes.subarray(0, Math.min(zeroesBytes, lengthBytes - done));
      await writeFully(io, piece, offsetBytes + done, name);
    }
  };
  const now = fileNow(fd, { linuxFile, blockBytes });
  return {
    sizeBytes,
    readOnly,
    blockSize: { minBytes: 1, preferredBytes: 4096, maxBytes: 32 * 1024 * 1024 },
    read: (into, offsetBytes) => readFully(io, into, offsetBytes, name),
    readNow: now.read,
    write: async (from, offsetBytes, { fua } = {}) => {
      refuseIfLost();
      refuseRegrowth();
      await writeFully(io, from, offsetBytes, name);
      if (fua) await flush();
    },
    // A write may have to wait for the journal while a sync is under way.
    writeNow: (from, offsetBytes) =>
      !readOnly && !lost && syncs === 0 && !isCut() && now.write(from, offsetBytes),
    flush,
    trim: async (offsetBytes, lengthBytes, { fua } = {}) => {
      await zero(offsetBytes, lengthBytes, false);
      if (fua) await flush();
    },
    writeZeroes: async (offsetBytes, lengthBytes, { fua, noHole } = {}) => {
      await zero(offsetBytes, lengthBytes, noHole ?? false);
      if (fua) await flush();
    },
    blockStatus: (context, offsetBytes, lengthBytes, maxExtents) =>
      Promise.resolve(extents(context, fd, linuxFile, offsetBytes, lengthBytes, maxExtents)),
    close,
  };
}

/** base:allocation from the file system's holes; nothing of a plain file is unrestored. */
function extents(
  context: StatusContext,
  fd: number,
  linuxFile: LinuxFile | undefined,
  offsetBytes: number,
  lengthBytes: number,
  maxExtents: number,
): Extent[] {
  const end = offsetBytes + lengthBytes;
  if (context !== 'base:allocation' || !linuxFile) return [{ lengthBytes, flags: 0 }];
  const found: Extent[] = [];
  let at = offsetBytes;
  while (at < end && found.length < Math.min(maxExtents, extentsPerCallMax)) {
    const hole = linuxFile.nextHole(fd, at);
    const data = hole === at ? linuxFile.nextData(fd, at) : undefined;
    const isHole = hole === at && data !== undefined && data !== at;
    const until = isHole ? (data === 'none' ? end : data) : hole === undefined || hole <= at ? end : hole;
    found.push({ lengthBytes: Math.min(until, end) - at, flags: isHole ? 3 : 0 });
    at = Math.min(until, end);
  }
  return found;
}

async function deviceSizeBytes(rdev: number): Promise<number> {
  const major = (rdev >> 8) & 0xfff;
  const minor = (rdev & 0xff) | ((rdev >> 12) & 0xfff00);
  return Number(await readFile(`/sys/dev/block/${major}:${minor}/size`, 'utf8')) * 512;
}
