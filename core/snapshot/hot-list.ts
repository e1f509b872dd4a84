import { FieldReader, FieldWriter } from './bytes.ts';
import { formatVersion, hashBytes, readSealedHeader, seal } from './format.ts';
import { decodeId, encodeId, idBytes } from './names.ts';

/** More chunks than this are not remembered: 16 GiB of the default size. */
export const hotChunksMax = 65_536;
const headerBytes = 8 + 2 + 2 + idBytes + 4;
const runBytes = 8;
export const hotListBytesMax = headerBytes + hotChunksMax * runBytes + hashBytes;

/** Chunks of a snapshot in the order in which clients first read them (docs/snapshot-format.md, “Hot list”). */
export interface HotList {
  snapshotId: string;
  /** Each at most once. */
  chunks: readonly number[];
}

/** Neighbours in the order are stored as one run. Throws RangeError where there are too many chunks. */
export function encodeHotList({ snapshotId, chunks }: HotList): Uint8Array {
  if (chunks.length > hotChunksMax) throw new RangeError(`${chunks.length} hot chunks are too many`);
  const runs = runsOf(chunks);
  const writer = new FieldWriter()
    .text('HFSNHOTL')
    .uint16(formatVersion)
    .uint16(0)
    .bytes(encodeId(snapshotId))
    .uint32(runs.length);
  for (const { start, end } of runs) writer.uint32(start).uint32(end - start);
  return seal(writer);
}

/**
 * `expected`: the snapshot that the list must be of. Throws CORRUPT, UNSUPPORTED (a newer format). What the list says
 * twice counts once.
 */
export function decodeHotList(
  bytes: Uint8Array,
  expected: { snapshotId: string; chunkCount: number },
  subject: string,
): HotList {
  const reader = new FieldReader(bytes, subject);
  reader.check(bytes.length <= hotListBytesMax, `is ${bytes.length} bytes long`);
  readSealedHeader(reader, bytes, 'HFSNHOTL');
  const snapshotId = decodeId(reader.bytes(idBytes));
  reader.check(snapshotId === expected.snapshotId, `is the list of snapshot ${snapshotId}`);
  const runCount = reader.uint32();
  reader.check(runCount <= hotChunksMax, `${runCount} runs are too many`);
  const chunks = new Set<number>();
  for (let run = 0; run < runCount; run += 1) {
    const start = reader.uint32();
    const count = reader.uint32();
    reader.check(start + count <= expected.chunkCount, `a run of ${count} chunks at ${start} is too long`);
    reader.check(count <= hotChunksMax - chunks.size, 'it has too many chunks');
    for (let chunk = start; chunk < start + count; chunk += 1) chunks.add(chunk);
  }
  reader.bytes(hashBytes);
  reader.end();
  return { snapshotId, chunks: [...chunks] };
}

/** Later reads first, then what was known before and is not among them, as far as there is room. */
export function mergeHotChunks(
  first: readonly number[],
  then: readonly number[],
  chunkCount: number,
): readonly number[] {
  const merged = new Set<number>();
  for (const chunk of [...first, ...then]) {
    if (merged.size >= hotChunksMax) break;
    if (chunk < chunkCount) merged.add(chunk);
  }
  return [...merged];
}

/** An order of numbers as runs [start, end) of neighbours. */
export function runsOf(chunks: readonly number[]): { start: number; end: number }[] {
  const runs: { start: number; end: number }[] = [];
  for (const chunk of chunks) {
    const last = runs.at(-1);
    if (last?.end === chunk) last.end = chunk + 1;
    else runs.push({ start: chunk, end: chunk + 1 });
  }
  return runs;
}
