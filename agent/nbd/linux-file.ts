/**
 * The file calls of Linux that Node does not have. Where the native binding cannot be loaded the callers do without:
 * zeroes are written instead of punched, and no holes are reported.
 */
export interface LinuxFile {
  /** Makes [offset, offset + length) read as zeroes without writing them; false where the file system cannot. */
  zeroRange(
    fd: number,
    offsetBytes: number,
    lengthBytes: number,
    options: { keepSpace: boolean },
  ): Promise<boolean>;
  /** The same at once, in a thread that may wait for the disk. */
  zeroRangeNow(
    fd: number,
    offsetBytes: number,
    lengthBytes: number,
    options: { keepSpace: boolean },
  ): boolean;
  /**
   * Reads what is in the page cache, at once and without a thread; may be less than asked. 0 where nothing is there
   * (or the file ends): read as usual then. Undefined where this file system cannot say.
   */
  readNow(fd: number, into: Uint8Array, offsetBytes: number): number | undefined;
  /** Start of the next hole (the file's size where there is none), undefined where it is not known. */
  nextHole(fd: number, offsetBytes: number): number | undefined;
  /** Start of the next data, 'none' behind the last, undefined where it is not known. */
  nextData(fd: number, offsetBytes: number): number | 'none' | undefined;
}

const SEEK_DATA = 3;
const SEEK_HOLE = 4;
const FALLOC_FL_KEEP_SIZE = 1;
const FALLOC_FL_PUNCH_HOLE = 2;
const FALLOC_FL_ZERO_RANGE = 16;
const RWF_NOWAIT = 8;

type Fallocate = (fd: number, mode: number, offset: number, length: number) => number;

let loading: Promise<LinuxFile | undefined> | undefined;

/** Loaded once a process; undefined where the binding is missing (another libc or platform). */
export function loadLinuxFile(): Promise<LinuxFile | undefined> {
  loading ??= bindLinuxFile().catch(() => undefined);
  return loading;
}

async function bindLinuxFile(): Promise<LinuxFile> {
  const { default: koffi } = await import('koffi');
  const libc = koffi.load('libc.so.6');
  const fallocate = libc.func('int fallocate64(int fd, int mode, int64_t offset, int64_t length)');
  const lseek = libc.func('int64_t lseek64(int fd, int64_t offset, int whence)');
  const preadv2 = libc.func('int64_t preadv64v2(int fd, void *iov, int count, int64_t offset, int flags)');
  const { ENXIO, EAGAIN } = koffi.os.errno as { ENXIO: number; EAGAIN: number };
  /** `struct iovec`: address and length. One serves all calls, as they are synchronous. */
  const iovec = new BigUint64Array(2);
  const seek = (fd: number, offsetBytes: number, whence: number): number =>
    Number(lseek(fd, offsetBytes, whence));
  const modeOf = ({ keepSpace }: { keepSpace: boolean }): number =>
    FALLOC_FL_KEEP_SIZE | (keepSpace ? FALLOC_FL_ZERO_RANGE : FALLOC_FL_PUNCH_HOLE);
  return {
    zeroRangeNow: (fd, offsetBytes, lengthBytes, options) =>
      (fallocate as Fallocate)(fd, modeOf(options), offsetBytes, lengthBytes) === 0,
    zeroRange: (fd, offsetBytes, lengthBytes, options) => {
      return new Promise((resolve) => {
        const call = fallocate as Fallocate & { async: (...args: unknown[]) => void };
        call.async(fd, modeOf(options), offsetBytes, lengthBytes, (error: unknown, result: number) =>
          resolve(!error && result === 0),
        );
      });
    },
    readNow: (fd, into, offsetBytes) => {
      iovec[0] = koffi.address(into);
      iovec[1] = BigInt(into.length);
      const count = Number(preadv2(fd, iovec, 1, offsetBytes, RWF_NOWAIT));
      if (count >= 0) return count;
      return koffi.errno() === EAGAIN ? 0 : undefined;
    },
    nextHole: (fd, offsetBytes) => {
      const found = seek(fd, offsetBytes, SEEK_HOLE);
      return found < 0 ? undefined : found;
    },
    nextData: (fd, offsetBytes) => {
      const found = seek(fd, offsetBytes, SEEK_DATA);
      if (found >= 0) return found;
      return koffi.errno() === ENXIO ? 'none' : undefined;
    },
  };
}
