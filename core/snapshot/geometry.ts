import { HoldfastError } from '../errors.ts';

/** Bounds of the format. A reader refuses what lies outside before it allocates anything. */
export const formatLimits = {
  chunkBytesMin: 4 * 1024,
  chunkBytesMax: 4 * 1024 * 1024,
  /** Entries of a page: chunks of a leaf, pages of an index. */
  fanout: 1024,
  chunkCountMax: 2 ** 30,
  packBytesMax: 64 * 1024 * 1024,
  /** The largest page: a leaf whose every entry names a pack of its own is 76 KiB. */
  pageBytesMax: 128 * 1024,
  rootBytesMax: 128 * 1024,
  volumeIdLengthMax: 64,
} as const;

/** Small enough for a quick first read, large enough to compress well. */
export const defaultChunkBytes = 256 * 1024;

/** How a volume is divided: chunks, leaves of `fanout` chunks, and above 2^20 chunks indexes of `fanout` leaves. */
export interface Geometry {
  readonly sizeBytes: number;
  readonly chunkBytes: number;
  readonly chunkCount: number;
  readonly leafCount: number;
  /** 1: the root refers to leaves. 2: the root refers to indexes, they to leaves. */
  readonly levels: 1 | 2;
  /** References that the root holds. */
  readonly rootRefCount: number;
}

/** Throws INVALID_INPUT, which names the value that is out of bounds. */
export function geometryOf(sizeBytes: number, chunkBytes: number): Geometry {
  const { chunkBytesMin, chunkBytesMax, fanout, chunkCountMax } = formatLimits;
  const powerOfTwo = Number.isSafeInteger(chunkBytes) && Number.isInteger(Math.log2(chunkBytes));
  if (!powerOfTwo || chunkBytes < chunkBytesMin || chunkBytes > chunkBytesMax)
    throw new HoldfastError('INVALID_INPUT', `chunk size ${chunkBytes} bytes is not supported`, {
      hint: 'choose a power of two from 4 KiB to 4 MiB',
    });
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes <= 0)
    throw new HoldfastError('INVALID_INPUT', `a volume of ${sizeBytes} bytes cannot be a snapshot`);
  const chunkCount = Math.ceil(sizeBytes / chunkBytes);
  if (chunkCount > chunkCountMax)
    throw new HoldfastError(
      'INVALID_INPUT',
      `${sizeBytes} bytes are too many for ${chunkBytes}-byte chunks`,
      {
        hint: `a snapshot has at most ${chunkCountMax} chunks: choose larger ones`,
      },
    );
  const leafCount = Math.ceil(chunkCount / fanout);
  const levels = leafCount <= fanout ? 1 : 2;
  const rootRefCount = levels === 1 ? leafCount : Math.ceil(leafCount / fanout);
  return { sizeBytes, chunkBytes, chunkCount, leafCount, levels, rootRefCount };
}

/** Plain bytes of chunk `index`: the last one may be shorter. */
export const plainBytesOf = (geometry: Geometry, index: number): number =>
  Math.min(geometry.chunkBytes, geometry.sizeBytes - index * geometry.chunkBytes);

export const leafOf = (chunkIndex: number): number => Math.floor(chunkIndex / formatLimits.fanout);

/** Chunks that leaf `leafIndex` has entries for. */
export const leafEntryCount = (geometry: Geometry, leafIndex: number): number =>
  Math.min(formatLimits.fanout, geometry.chunkCount - leafIndex * formatLimits.fanout);

/** Leaves that index page `position` refers to (two levels only). */
export const indexEntryCount = (geometry: Geometry, position: number): number =>
  Math.min(formatLimits.fanout, geometry.leafCount - position * formatLimits.fanout);
