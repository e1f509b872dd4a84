import { HoldfastError } from '../../core/errors.ts';
import { errnoOf } from '../state/versioned-file.ts';

/** Why a backing file or block device cannot be opened, with what to do: NOT_FOUND, BUSY, FORBIDDEN or IO. */
export function openError(path: string, cause: unknown): HoldfastError {
  const errno = errnoOf(cause);
  const text = `${path} cannot be opened: ${cause instanceof Error ? cause.message : String(cause)}`;
  switch (errno) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new HoldfastError('NOT_FOUND', `${path} does not exist`, {
        hint: 'check the path, and that its file system is mounted',
        cause,
      });
    case 'EISDIR':
      return new HoldfastError('INVALID_INPUT', `${path} is a directory`, {
        hint: 'name a file in it',
        cause,
      });
    case 'EBUSY':
      return new HoldfastError('BUSY', `${path} is in use`, { hint: 'unmount it first', cause });
    case 'EROFS':
      return new HoldfastError('FORBIDDEN', text, {
        hint: 'mount its file system for writing; serve can do with --read-only',
        cause,
      });
    case 'EACCES':
    case 'EPERM':
      return new HoldfastError('FORBIDDEN', text, {
        hint: 'run as a user who may open it, or change its owner or mode',
        cause,
      });
    default:
      return new HoldfastError('IO', text, { hint: 'check the disk; dmesg may say more', cause });
  }
}

export const noFileOrDevice = (path: string): HoldfastError =>
  new HoldfastError('INVALID_INPUT', `${path} is neither a file nor a block device`, {
    hint: 'name a regular file, or a block device such as /dev/vg0/vol1',
  });

/** What is to be made has nowhere to stand. */
export const noDirectory = (path: string, cause: unknown): HoldfastError =>
  new HoldfastError('NOT_FOUND', `the directory of ${path} does not exist`, {
    hint: 'check the path; make the directory, or mount the file system that it is on',
    cause,
  });
