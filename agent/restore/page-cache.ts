const POSIX_FADV_DONTNEED = 4;

/**
 * Drops the clean pages of an open file or device from the page cache. After a failed barrier pages count as clean
 * that never reached the disk; a restore that is opened again has to see what the disk has. False where the native
 * binding is missing.
 */
export async function dropPageCache(fd: number): Promise<boolean> {
  fadvise ??= bind();
  const call = await fadvise;
  if (!call) return false;
  return call(fd, 0, 0, POSIX_FADV_DONTNEED) === 0;
}

type Fadvise = (fd: number, offset: number, length: number, advice: number) => number;

let fadvise: Promise<Fadvise | undefined> | undefined;

async function bind(): Promise<Fadvise | undefined> {
  try {
    const { default: koffi } = await import('koffi');
    const libc = koffi.load('libc.so.6');
    return libc.func('int posix_fadvise64(int fd, int64_t offset, int64_t length, int advice)') as Fadvise;
  } catch {
    return undefined;
  }
}
