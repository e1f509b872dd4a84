import { open, type FileHandle } from 'node:fs/promises';
import { HoldfastError } from '../../core/errors.ts';
import { markSampleOffsets } from '../../core/restore/mark-samples.ts';
import { describeMark, isAtItsBlock, markBytes } from '../../core/restore/mark.ts';
import { fileError } from '../nbd/file-device.ts';
import { openError } from '../nbd/path-errors.ts';

const looksInFlight = 16;

/**
 * Throws WRONG_TARGET where a file or device carries the marks of a restore that is not complete, though nothing on
 * this machine remembers it: as a copy does, or a disk that came from elsewhere. Few of its blocks are looked at.
 */
export async function refuseMarked(path: string, sizeBytes: number): Promise<void> {
  await using file = await open(path, 'r').catch((cause: unknown) => {
    throw openError(path, cause);
  });
  const offsets = markSampleOffsets(sizeBytes);
  for (let at = 0; at < offsets.length; at += looksInFlight) {
    const looks = offsets.slice(at, at + looksInFlight).map((offset) => hasMark(file, path, offset));
    if (!(await Promise.all(looks)).includes(true)) continue;
    throw new HoldfastError('WRONG_TARGET', `${path} carries marks of a restore that is not complete`, {
      hint: 'go on with that restore where it was begun, or restore a snapshot to it with --again',
    });
  }
}

async function hasMark(file: FileHandle, path: string, offsetBytes: number): Promise<boolean> {
  const bytes = new Uint8Array(markBytes);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, offsetBytes).catch((cause: unknown) => {
    throw fileError('read', path, cause);
  });
  const mark = bytesRead < bytes.length ? undefined : describeMark(bytes);
  return mark !== undefined && (offsetBytes === 0 || isAtItsBlock(mark.block, offsetBytes));
}
