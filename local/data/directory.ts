import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  rmdirSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { HoldfastError } from '../../core/errors.ts';
import { refuseProcPath } from '../../core/file-path.ts';

/** Raised when what lies in the directory is laid out differently from before. */
const formatVersion = 1;
const freeBytesMin = 64 * 1024 * 1024;
const formatSchema = z.looseObject({ format: z.literal('holdfast-local'), version: z.number() });

/**
 * Makes the directory ready: there, writable, with room, and of this format. Throws IO, NO_SPACE or CONFIG with the
 * path. Nothing in a directory of another format is touched. True where the directory itself is new.
 */
export function openDataDirectory(
  dataDir: string,
  freeBytes: (path: string) => number = freeBytesOf,
): boolean {
  refuseProcPath(resolve(dataDir), '--data-dir');
  const formatFile = join(dataDir, 'format.json');
  const isNew = !existsSync(dataDir);
  attempt(dataDir, () => mkdirSync(dataDir, { recursive: true, mode: 0o700 }));
  const format = readFormat(formatFile);
  if (format === undefined) {
    const strangers = readdirSync(dataDir).filter((name) => !ownBeforeFormat.has(name));
    if (strangers.length > 0)
      throw new HoldfastError(
        'CONFIG',
        `${dataDir} holds other files (${strangers[0]}) and is no data directory of Holdfast`,
        {
          hint: 'choose an empty directory with --data-dir',
        },
      );
    attempt(dataDir, () =>
      writeAtomically(
        formatFile,
        `${JSON.stringify({ format: 'holdfast-local', version: formatVersion })}\n`,
      ),
    );
  } else if (format !== formatVersion)
    throw new HoldfastError(
      'CONFIG',
      `${dataDir} has data format ${format}; this version reads ${formatVersion}`,
      {
        hint: 'use the version of Holdfast that made it, or another --data-dir',
      },
    );
  const probe = join(dataDir, '.writable');
  attempt(dataDir, () => {
    writeFileSync(probe, '');
    rmSync(probe);
  });
  const free = freeBytes(dataDir);
  if (free < freeBytesMin)
    throw new HoldfastError(
      'NO_SPACE',
      `${dataDir} has ${Math.floor(free / 2 ** 20)} MiB free, 64 MiB are needed`,
      {
        hint: 'make room or choose another --data-dir',
      },
    );
  return isNew;
}

/** Takes back a directory that was made for nothing; one that holds anything else stays. */
export function removeEmptyDirectory(dataDir: string): void {
  try {
    if (readdirSync(dataDir).join() !== 'format.json') return;
    rmSync(join(dataDir, 'format.json'));
    rmdirSync(dataDir);
  } catch {
    // The error on the way tells more.
  }
}

function freeBytesOf(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}

/** Synthesis writes here before the first boot does. */
const ownBeforeFormat = new Set(['cdk.out', '.writable', 'format.json.new']);

function readFormat(file: string): number | string | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  try {
    return formatSchema.parse(JSON.parse(text)).version;
  } catch {
    return 'unknown';
  }
}

/** The key from which every secret of this installation is derived; made once. */
export function masterKey(dataDir: string): Buffer {
  const file = join(dataDir, 'master.key');
  try {
    const key = Buffer.from(readFileSync(file, 'utf8').trim(), 'hex');
    if (key.length === 32) return key;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw ioError(dataDir, error);
    const key = randomBytes(32);
    attempt(dataDir, () => writeAtomically(file, `${key.toString('hex')}\n`));
    return key;
  }
  throw new HoldfastError('CORRUPT', `${file} is not a key of 32 bytes`, {
    hint: 'restore it, or start with another --data-dir',
  });
}

/** Readable by the owner alone; either the old or the new contents, never half. */
export function writeAtomically(file: string, contents: string): void {
  writeFileSync(`${file}.new`, contents, { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
}

function attempt(dataDir: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    throw ioError(dataDir, error);
  }
}

function ioError(dataDir: string, error: unknown): HoldfastError {
  const { code, message } = error as NodeJS.ErrnoException;
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  return new HoldfastError(
    full ? 'NO_SPACE' : 'IO',
    `the data directory ${dataDir} cannot be written: ${message}`,
    {
      hint: full
        ? 'make room or choose another --data-dir'
        : 'check its owner and permissions, or choose another --data-dir',
      cause: error,
    },
  );
}
