import { closeSync, fsyncSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { HoldfastError } from '../core/errors.ts';

/**
 * Asks for a secret and writes it into a file that did not exist, readable by its owner alone. The file is made first:
 * a secret that has no place to stand in is never made. Where asking or writing fails, no file is left.
 * Throws CONFLICT, NOT_FOUND, FORBIDDEN, IO, and what `ask` throws.
 */
export async function askIntoNewFile<T>(
  file: string,
  ask: () => Promise<T>,
  secretOf: (made: T) => string,
): Promise<T> {
  const fd = openNew(file);
  try {
    const made = await ask();
    writeSync(fd, `${secretOf(made)}\n`);
    fsyncSync(fd);
    return made;
  } catch (thrown) {
    rmSync(file, { force: true });
    throw thrown;
  } finally {
    closeSync(fd);
  }
}

/**
 * Writes a file that did not exist, readable by its owner alone; where writing fails, none is left. Throws CONFLICT,
 * NOT_FOUND, FORBIDDEN, IO.
 */
export function writeNewFile(file: string, bytes: Uint8Array): void {
  const fd = openNew(file);
  try {
    writeFileSync(fd, bytes);
    fsyncSync(fd);
  } catch (cause) {
    rmSync(file, { force: true });
    throw new HoldfastError('IO', `${file} cannot be written: ${(cause as Error).message}`, {
      hint: 'check the disk',
      cause,
    });
  } finally {
    closeSync(fd);
  }
}

/** Throws now what `writeNewFile` would throw later, after what takes long. */
export function requireNewFile(file: string): void {
  closeSync(openNew(file));
  rmSync(file);
}

const reasons: Record<string, [code: 'CONFLICT' | 'NOT_FOUND' | 'FORBIDDEN', why: string, hint: string]> = {
  EEXIST: ['CONFLICT', 'exists already', 'name a new file, or delete that one'],
  ENOENT: [
    'NOT_FOUND',
    'cannot be made: its directory does not exist',
    'make the directory, or check the path',
  ],
  ENOTDIR: ['NOT_FOUND', 'cannot be made: a part of its path is no directory', 'check the path'],
  EACCES: ['FORBIDDEN', 'cannot be made: the directory is not yours to write', 'name a file in one that is'],
};

function openNew(file: string): number {
  try {
    return openSync(file, 'wx', 0o600);
  } catch (cause) {
    const { code: errno, message } = cause as NodeJS.ErrnoException;
    const known = reasons[errno ?? ''];
    if (known) throw new HoldfastError(known[0], `${file} ${known[1]}`, { hint: known[2], cause });
    throw new HoldfastError('IO', `${file} cannot be made: ${message}`, { hint: 'check the disk', cause });
  }
}
