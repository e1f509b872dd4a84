import { constants } from 'node:fs';
import { open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { HoldfastError } from '../../core/errors.ts';
import { plainIssues } from '../../core/plain-issues.ts';

/** A kind of JSON file in the state directory: `{format, version, …data}`, at most `maxBytes`. */
export interface FileFormat<S extends z.ZodObject> {
  format: string;
  version: number;
  schema: S;
}

const maxBytes = 1024 * 1024;

/**
 * The file's data, or undefined where there is no file. Throws CORRUPT (not JSON, not this format, not valid),
 * UNSUPPORTED (written by a newer agent), IO.
 */
export async function readVersionedFile<S extends z.ZodObject>(
  path: string,
  { format, version, schema }: FileFormat<S>,
): Promise<z.infer<S> | undefined> {
  const text = await readText(path);
  if (text === undefined) return undefined;
  const damaged = (why: string, cause?: unknown) =>
    new HoldfastError('CORRUPT', `${path} is damaged: ${why}`, {
      hint: 'restore the file from a backup, or start with an empty state directory and activate again',
      cause,
    });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw damaged('it is not JSON', cause);
  }
  const head = z.object({ format: z.string(), version: z.number().int() }).safeParse(json);
  if (!head.success || head.data.format !== format) throw damaged(`it is not a ${format} file`);
  if (head.data.version > version)
    throw new HoldfastError('UNSUPPORTED', `${path} has version ${head.data.version} of ${format}`, {
      hint: `this agent knows versions up to ${version}: run the newer agent that wrote it`,
    });
  const data = schema.safeParse(json);
  if (!data.success) throw damaged(plainIssues(data.error, json), data.error);
  return data.data;
}

/** Replaces the file as a whole, mode 0600; it is on stable storage once this resolves. */
export async function writeVersionedFile<S extends z.ZodObject>(
  path: string,
  { format, version, schema }: FileFormat<S>,
  data: z.infer<S>,
): Promise<void> {
  const text = JSON.stringify({ format, version, ...(schema.parse(data) as object) }, null, 2);
  await writeDurably(path, Buffer.from(`${text}\n`));
}

/**
 * Temporary file, fsync, rename, fsync of the directory: after power loss there is the old file or the new one.
 * The temporary name is fixed because one process owns the directory; a leftover is overwritten.
 */
export async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    const { O_WRONLY, O_CREAT, O_TRUNC, O_NONBLOCK } = constants;
    await using file = await open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK, 0o600);
    await file.chmod(0o600);
    await file.writeFile(bytes);
    await file.sync();
  } catch (cause) {
    throw ioError('write', temporary, cause);
  }
  try {
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (cause) {
    throw ioError('replace', path, cause);
  }
}

/** Makes the directory's entries (creations, renames) durable. */
export async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  await directory.sync();
}

async function readText(path: string): Promise<string | undefined> {
  try {
    // A pipe in its place would not be there to be read before somebody writes to it.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const info = await file.stat();
    if (!info.isFile() && !info.isDirectory())
      throw new HoldfastError('CORRUPT', `${path} is not a file`, { hint: 'move it away' });
    const { size } = info;
    if (size > maxBytes)
      throw new HoldfastError(
        'CORRUPT',
        `${path} is damaged: it has ${size} bytes, at most ${maxBytes} are expected`,
      );
    return await readFile(file, 'utf8');
  } catch (cause) {
    if (cause instanceof HoldfastError) throw cause;
    if (errnoOf(cause) === 'ENOENT') return undefined;
    throw ioError('read', path, cause);
  }
}

/** `code` of a system error (ENOENT, …); undefined for anything else. */
export function errnoOf(thrown: unknown): string | undefined {
  const code = typeof thrown === 'object' && thrown !== null && 'code' in thrown ? thrown.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** A failed file operation with the path, what was tried, and what to do where that is known. */
export function ioError(action: string, path: string, cause: unknown): HoldfastError {
  const errno = errnoOf(cause);
  const reason = String(cause).replace(/^Error: /, '');
  const text = `cannot ${action} ${path}: ${reason}`;
  if (errno === 'ENOSPC' || errno === 'EDQUOT')
    return new HoldfastError('NO_SPACE', text, { hint: 'make room on that file system', cause });
  if (errno === 'EACCES' || errno === 'EPERM')
    return new HoldfastError('FORBIDDEN', text, {
      hint: 'run as the user who owns the state directory, or name another one with --state-dir',
      cause,
    });
  return new HoldfastError('IO', text, {
    hint: ioHints[errno ?? ''] ?? 'check the disk; dmesg may say more',
    cause,
  });
}

const ioHints: Record<string, string> = {
  EISDIR: 'a directory stands where a file belongs: move it away',
  ENOTDIR:
    'a file stands where a directory belongs: move it away, or name another directory with --state-dir',
  EEXIST: 'a file stands where a directory belongs: move it away, or name another directory with --state-dir',
  ENOENT: 'check that the state directory is still there',
  EROFS: 'mount its file system for writing, or name another directory with --state-dir',
  ENAMETOOLONG: 'name a shorter directory with --state-dir',
  EMFILE: 'raise the limit of open files (ulimit -n)',
};
