import { hash, timingSafeEqual } from 'node:crypto';
import { formatLimits } from '../snapshot/geometry.ts';

/**
 * The 64 bytes that a block carries in front while it is not restored:
 *
 *   0  8  magic "HFSTMARK"
 *   8  1  version, 1
 *   9  1  kind: 1 tree (this block and everything below it is unrestored), 2 pass (this block alone is)
 *  10  6  zero
 *  16 16  restore id, random per restore
 *  32  8  block index, little endian
 *  40 24  HMAC-SHA256 under the restore's key, first 24 bytes, over
 *         "holdfast mark 1\0" · u16 length + volume id · u16 length + snapshot id · bytes 0 … 40 of the mark
 *
 * The key is random per restore: what an earlier restore left on a disk is no mark, and neither a guest nor a
 * snapshot can make one.
 */
export const markBytes = 64;
/** Marks are written as a whole page, so that no page has to be read first. */
export const markPageBytes = 4096;
/** The atomic unit of a disk: the block's first bytes, written last. */
export const headBytes = 512;
export const restoreIdBytes = 16;
export const markKeyBytes = 32;

const hashOffset = 40;
const hashBytes = 32;
const hashBlockBytes = 64;

export type MarkKind = 'tree' | 'pass';
/**
 * `damaged`: this restore's id and block index with a hash that is not right. Reading it as "no mark" would serve
 * garbage, so it is an I/O error like a sector that cannot be read.
 */
export type MarkReading = MarkKind | 'none' | 'damaged';

/** Which restore's marks these are. */
export interface MarkContext {
  readonly restoreId: Uint8Array;
  /** What the two hashes of an HMAC begin with, and room for what follows. */
  readonly inner: Uint8Array;
  readonly outer: Uint8Array;
}

export function makeMarkContext(p: {
  volumeId: string;
  snapshotId: string;
  restoreId: Uint8Array;
  markKey: Uint8Array;
}): MarkContext {
  const names = [p.volumeId, p.snapshotId].flatMap((text) => {
    const bytes = Buffer.from(text, 'utf8');
    const length = Buffer.alloc(2);
    length.writeUInt16LE(bytes.length);
    return [length, bytes];
  });
  const front = Buffer.concat([Buffer.from('holdfast mark 1\0', 'latin1'), ...names]);
  return {
    restoreId: p.restoreId,
    inner: Buffer.concat([padded(p.markKey, 0x36), front, Buffer.alloc(hashOffset)]),
    outer: Buffer.concat([padded(p.markKey, 0x5c), Buffer.alloc(hashBytes)]),
  };
}

/** RFC 2104. The key is no longer than a block of SHA-256. */
function padded(key: Uint8Array, byte: number): Uint8Array {
  return Uint8Array.from({ length: hashBlockBytes }, (_, i) => (key[i] ?? 0) ^ byte);
}

export const markMagic: Readonly<Uint8Array> = Buffer.from('HFSTMARK', 'latin1');
const version = 1;
const kindCodes = { tree: 1, pass: 2 } as const;

export function encodeMark(context: MarkContext, block: number, kind: MarkKind): Uint8Array {
  const mark = Buffer.alloc(markBytes);
  mark.set(markMagic, 0);
  mark[8] = version;
  mark[9] = kindCodes[kind];
  mark.set(context.restoreId, 16);
  mark.writeBigUInt64LE(BigInt(block), 32);
  mark.set(keyedHash(context, mark.subarray(0, hashOffset)), hashOffset);
  return mark;
}

/** What the first bytes of `block` say; `bytes` holds at least 64. */
export function decodeMark(context: MarkContext, block: number, bytes: Uint8Array): MarkReading {
  const mark = Buffer.from(bytes.buffer, bytes.byteOffset, markBytes);
  if (!mark.subarray(0, 8).equals(markMagic)) return 'none';
  if (!mark.subarray(16, 32).equals(context.restoreId)) return 'none';
  if (mark.readBigUInt64LE(32) !== BigInt(block)) return 'none';
  const kind = mark[8] === version ? kindOf(mark[9]) : undefined;
  const expected = keyedHash(context, mark.subarray(0, hashOffset));
  if (kind === undefined || !timingSafeEqual(expected, mark.subarray(hashOffset))) return 'damaged';
  return kind;
}

function kindOf(code: number | undefined): MarkKind | undefined {
  return code === kindCodes.tree ? 'tree' : code === kindCodes.pass ? 'pass' : undefined;
}

/**
 * HMAC-SHA256 by two calls for the whole of a hash: an object of `createHmac` for each of millions of marks stays in
 * memory until the garbage collector has been there twice.
 */
function keyedHash({ inner, outer }: MarkContext, mark: Uint8Array): Uint8Array {
  inner.set(mark, inner.length - hashOffset);
  outer.set(hash('sha256', inner, 'buffer'), hashBlockBytes);
  return hash('sha256', outer, 'buffer').subarray(0, markBytes - hashOffset);
}

/** What a mark says of itself, without the key and so without proof; undefined where there is none. */
export function describeMark(
  bytes: Uint8Array,
): { version: number; kind: MarkKind | undefined; restoreId: string; block: number } | undefined {
  const mark = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (mark.length < markBytes || !mark.subarray(0, 8).equals(markMagic)) return undefined;
  return {
    version: mark[8] ?? 0,
    kind: kindOf(mark[9]),
    restoreId: mark.toString('hex', 16, 32),
    block: Number(mark.readBigUInt64LE(32)),
  };
}

/** Whether a mark of `block` belongs at the offset, whatever the size of blocks: a copy of one in a file does not. */
export function isAtItsBlock(block: number, offsetBytes: number): boolean {
  if (block === 0 || offsetBytes === 0) return block === offsetBytes;
  const blockBytes = offsetBytes / block;
  const { chunkBytesMin, chunkBytesMax } = formatLimits;
  return (
    blockBytes >= chunkBytesMin && blockBytes <= chunkBytesMax && Number.isInteger(Math.log2(blockBytes))
  );
}
