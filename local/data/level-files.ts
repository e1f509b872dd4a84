import { crc32c } from '@aws-crypto/crc32c';

/**
 * LevelDB's file formats as far as they tell damage that LevelDB itself passes over when it opens a store
 * (https://github.com/google/leveldb/blob/main/doc/log_format.md and table_format.md).
 */
const blockBytes = 32 * 1024;
const headerBytes = 7;
const checksumMask = 0xa282ead8;
/** Record types: a whole one, or the first, a middle or the last piece of one. */
const full = 1;
const first = 2;
const middle = 3;
const last = 4;
const tableMagic = Buffer.from('57fb808b247547db', 'hex');

export type LogFinding =
  | { kind: 'whole' }
  /** It ends in the middle of a record, or in zeroes, as a process or a machine leaves it that died while it wrote. */
  | { kind: 'cut'; offsetBytes: number }
  /** Something else than a record, and not at the end. */
  | { kind: 'damaged'; offsetBytes: number };

/** Walks over a log's records. `offsetBytes` is where the first record begins that is not all there. */
export function inspectLog(log: Uint8Array): LogFinding {
  let recordStart = 0;
  let isOpen = false;
  for (let at = 0; at < log.length;) {
    const leftInBlock = blockBytes - (at % blockBytes);
    if (leftInBlock < headerBytes) {
      at += leftInBlock;
      continue;
    }
    if (!isOpen) recordStart = at;
    if (isZero(log.subarray(at))) return { kind: 'cut', offsetBytes: recordStart };
    const piece = pieceAt(log, at, leftInBlock);
    const follows: number[] = isOpen ? [middle, last] : [full, first];
    if (piece === 'cut') return { kind: 'cut', offsetBytes: recordStart };
    if (piece === 'damaged' || !follows.includes(piece.type)) return { kind: 'damaged', offsetBytes: at };
    isOpen = piece.type === first || piece.type === middle;
    at += headerBytes + piece.lengthBytes;
  }
  return isOpen ? { kind: 'cut', offsetBytes: recordStart } : { kind: 'whole' };
}

/** Header: CRC-32C of type and data, masked (4 bytes, little endian), length (2), type (1). */
function pieceAt(
  log: Uint8Array,
  at: number,
  leftInBlock: number,
): { type: number; lengthBytes: number } | 'cut' | 'damaged' {
  if (at + headerBytes > log.length) return 'cut';
  const header = new DataView(log.buffer, log.byteOffset + at, headerBytes);
  const lengthBytes = header.getUint16(4, true);
  const type = header.getUint8(6);
  if (type < full || type > last || headerBytes + lengthBytes > leftInBlock) return 'damaged';
  if (at + headerBytes + lengthBytes > log.length) return 'cut';
  const end = at + headerBytes + lengthBytes;
  const sum = crc32c(log.subarray(at + 6, end));
  if (masked(sum) === header.getUint32(0, true)) return { type, lengthBytes };
  // Its pages were never written, from somewhere in it to the end of the file.
  return isZero(log.subarray(end - 1)) ? 'cut' : 'damaged';
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

function masked(sum: number): number {
  return (((sum >>> 15) | (sum << 17)) + checksumMask) >>> 0;
}

/** False where a table file does not end as all of them do: it was cut. */
export function endsAsTable(tail: Uint8Array): boolean {
  return tail.length >= tableMagic.length && tableMagic.equals(tail.subarray(-tableMagic.length));
}
