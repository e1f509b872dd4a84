import { FieldReader, FieldWriter } from './bytes.ts';
import {
  checkVersion,
  formatVersion,
  hashBytes,
  packHeaderBytes,
  readRef,
  writeRef,
  type ChunkAlgorithm,
  type ChunkEntry,
  type PageRef,
} from './format.ts';
import { formatLimits } from './geometry.ts';
import { decodeObjectName, encodeObjectName, objectNameBytes } from './names.ts';

/** The byte in a leaf's entry. 0 is a hole. */
const algorithmBytes = { raw: 1, zstd: 2 } as const;

export function encodeIndex(refs: PageRef[]): Uint8Array {
  const writer = pageHeader(1, refs.length, 0);
  for (const ref of refs) writeRef(writer, ref);
  return writer.finish();
}

export function decodeIndex(bytes: Uint8Array, entryCount: number, subject: string): PageRef[] {
  const reader = new FieldReader(bytes, subject);
  const packCount = readPageHeader(reader, bytes, 1, entryCount);
  reader.check(packCount === 0, 'an index page names packs');
  const refs = Array.from({ length: entryCount }, () => readRef(reader));
  reader.end();
  return refs;
}

/** Packs are numbered in the order in which the entries name them first. */
export function encodeLeaf(entries: ChunkEntry[]): Uint8Array {
  const packs = new Map<string, number>();
  for (const entry of entries)
    if (entry !== undefined && !packs.has(entry.pack)) packs.set(entry.pack, packs.size);
  const writer = pageHeader(0, entries.length, packs.size);
  for (const pack of packs.keys()) writer.bytes(encodeObjectName(pack));
  for (const entry of entries) {
    if (entry === undefined) writer.uint8(0);
    else
      writer
        .uint8(algorithmBytes[entry.algorithm])
        .uint16(packs.get(entry.pack)!)
        .uint32(entry.offsetBytes)
        .uint32(entry.storedBytes)
        .bytes(entry.hash);
  }
  return writer.finish();
}

/** `plainBytes(i)`: plain length of the page's entry `i`, which bounds what its stored bytes may be. */
export function decodeLeaf(
  bytes: Uint8Array,
  entryCount: number,
  plainBytes: (entry: number) => number,
  subject: string,
): ChunkEntry[] {
  const reader = new FieldReader(bytes, subject);
  const packCount = readPageHeader(reader, bytes, 0, entryCount);
  reader.check(packCount <= entryCount, `${packCount} packs for ${entryCount} entries`);
  const packs = Array.from({ length: packCount }, () => decodeObjectName(reader.bytes(objectNameBytes)));
  reader.check(new Set(packs).size === packs.length, 'a pack is named twice');
  let packsSeen = 0;
  const entries = Array.from({ length: entryCount }, (_, position): ChunkEntry => {
    const entry = readEntry(reader, packs, plainBytes(position), position);
    if (entry === undefined) return undefined;
    const pack = packs[entry.packIndex]!;
    reader.check(entry.packIndex <= packsSeen, `entry ${position} names its pack out of order`);
    packsSeen = Math.max(packsSeen, entry.packIndex + 1);
    return { ...entry.location, pack };
  });
  reader.check(packsSeen === packCount, `${packCount - packsSeen} packs are not used`);
  reader.end();
  return entries;
}

function readEntry(reader: FieldReader, packs: string[], plainBytes: number, position: number) {
  const kind = reader.uint8();
  if (kind === 0) return undefined;
  reader.check(kind === 1 || kind === 2, `entry ${position} has the unknown algorithm ${kind}`);
  const packIndex = reader.uint16();
  reader.check(packIndex < packs.length, `entry ${position} names pack ${packIndex} of ${packs.length}`);
  const offsetBytes = reader.uint32();
  const storedBytes = reader.uint32();
  const fits = kind === 1 ? storedBytes === plainBytes : storedBytes > 0 && storedBytes < plainBytes;
  reader.check(fits, `entry ${position} stores ${storedBytes} bytes for ${plainBytes}`);
  const inPack = offsetBytes >= packHeaderBytes && offsetBytes + storedBytes <= formatLimits.packBytesMax;
  reader.check(inPack, `entry ${position} lies outside of its pack`);
  const hash = reader.bytes(hashBytes);
  const algorithm: ChunkAlgorithm = kind === 1 ? 'raw' : 'zstd';
  return { packIndex, location: { offsetBytes, storedBytes, algorithm, hash } };
}

const pageHeader = (level: 0 | 1, entryCount: number, packCount: number): FieldWriter => {
  if (entryCount < 1 || entryCount > formatLimits.fanout)
    throw new RangeError(`${entryCount} entries in a page`);
  return new FieldWriter()
    .text('HFSNPAGE')
    .uint16(formatVersion)
    .uint16(level)
    .uint16(entryCount)
    .uint16(packCount);
};

/** Returns the number of packs. */
function readPageHeader(reader: FieldReader, bytes: Uint8Array, level: 0 | 1, entryCount: number): number {
  reader.check(bytes.length <= formatLimits.pageBytesMax, `is ${bytes.length} bytes long`);
  reader.check(reader.text(8) === 'HFSNPAGE', 'does not start as HFSNPAGE');
  checkVersion(reader, reader.uint16());
  const actualLevel = reader.uint16();
  reader.check(actualLevel === level, `is a page of level ${actualLevel}, ${level} expected`);
  const actualCount = reader.uint16();
  reader.check(actualCount === entryCount, `has ${actualCount} entries, ${entryCount} expected`);
  return reader.uint16();
}
