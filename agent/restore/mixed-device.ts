import type { BlockDevice, Extent, StatusContext } from '../../core/block-device.ts';
import {
  blockOffset,
  segmentsOf,
  visibleBytes,
  type Geometry,
  type Segment,
} from '../../core/restore/geometry.ts';
import { decodeMark, markBytes, type MarkContext } from '../../core/restore/mark.ts';
import type { BarrierOwner } from './barrier-owner.ts';
import { forgedMark, type Load, type Persister } from './persister.ts';
import { ReadAhead } from './read-ahead.ts';
import type { StateFinder } from './state-finder.ts';
import type { TargetDisk } from './target-disk.ts';
import type { Overlay } from './work-item.ts';

/** A trim of the whole volume goes through the blocks so many at a time. */
const blocksAtOnceMax = 512;
/** One block status call looks at no more blocks than this; its reply is partial then. */
const statusBlocksMax = 4096;

export interface MixedDeps {
  geometry: Geometry;
  finder: StateFinder;
  persister: Persister;
  barriers: BarrierOwner;
  target: TargetDisk;
  marks: MarkContext;
  load: Load;
  isHole: (block: number) => Promise<boolean>;
}

/** Restored blocks come from the disk, the others from the snapshot. */
export class MixedDevice implements BlockDevice {
  readonly readOnly = false;
  readonly sizeBytes: number;
  readonly blockSize = { minBytes: 1, preferredBytes: 4096, maxBytes: 32 * 1024 * 1024 };
  readonly #deps: MixedDeps;
  readonly #readAhead = new ReadAhead();
  /** Partial writes to a block's first bytes, one at a time. */
  readonly #headWrites = new Map<number, Promise<void>>();

  constructor(deps: MixedDeps) {
    this.#deps = deps;
    this.sizeBytes = deps.geometry.volumeBytes;
  }

  async read(into: Uint8Array, offsetBytes: number): Promise<void> {
    await this.#eachPart(
      offsetBytes,
      into.length,
      (start, length) => this.#deps.target.read(into.subarray(start, start + length), offsetBytes + start),
      (segment) =>
        this.#readBlock(
          into.subarray(segment.requestOffset, segment.requestOffset + segment.length),
          segment.block,
          segment.offset,
        ),
    );
    this.#fetchAhead(offsetBytes, into.length);
  }

  readNow(into: Uint8Array, offsetBytes: number): boolean {
    const { target, geometry } = this.#deps;
    if (!target.readNow) return false;
    for (const { block } of segmentsOf(geometry, offsetBytes, into.length))
      if (!this.#isRestored(block)) return false;
    if (!target.readNow(into, offsetBytes)) return false;
    this.#fetchAhead(offsetBytes, into.length);
    return true;
  }

  async write(from: Uint8Array, offsetBytes: number, options?: { fua?: boolean }): Promise<void> {
    await this.#eachPart(
      offsetBytes,
      from.length,
      (start, length) => this.#writeRestored(from.subarray(start, start + length), offsetBytes + start),
      (segment) =>
        this.#change(segment.block, {
          offset: segment.offset,
          length: segment.length,
          bytes: from.subarray(segment.requestOffset, segment.requestOffset + segment.length),
        }),
    );
    await this.#end(options);
  }

  async flush(): Promise<void> {
    await this.#deps.barriers.flush();
  }

  trim(offsetBytes: number, lengthBytes: number, options?: { fua?: boolean }): Promise<void> {
    return this.writeZeroes(offsetBytes, lengthBytes, options);
  }

  async writeZeroes(
    offsetBytes: number,
    lengthBytes: number,
    options?: { fua?: boolean; noHole?: boolean },
  ): Promise<void> {
    const { target } = this.#deps;
    await this.#eachPart(
      offsetBytes,
      lengthBytes,
      (start, length) => target.zero(offsetBytes + start, length, { noHole: options?.noHole }),
      ({ block, offset, length }) => this.#change(block, { offset, length, bytes: undefined }),
    );
    await this.#end(options);
  }

  async prefetch(offsetBytes: number, lengthBytes: number): Promise<void> {
    const fetch = async ({ block }: Segment) => {
      await this.#learn(block);
      if (this.#isRestored(block)) return;
      const item = this.#deps.persister.get(block) ?? this.#deps.persister.fetch(block, this.#deps.load);
      await item.settled;
    };
    await this.#eachPart(offsetBytes, lengthBytes, () => Promise.resolve(), fetch);
  }

  async blockStatus(
    context: StatusContext,
    offsetBytes: number,
    lengthBytes: number,
    maxExtents: number,
  ): Promise<Extent[]> {
    const extents: Extent[] = [];
    let looked = 0;
    for (const segment of segmentsOf(this.#deps.geometry, offsetBytes, lengthBytes)) {
      if (looked++ >= statusBlocksMax) break;
      const flags = await this.#flags(context, segment.block);
      const last = extents.at(-1);
      if (last?.flags === flags) last.lengthBytes += segment.length;
      else if (extents.length >= maxExtents) break;
      else extents.push({ lengthBytes: segment.length, flags });
    }
    return extents;
  }

  close(): Promise<void> {
    return this.#deps.target.close();
  }

  async #flags(context: StatusContext, block: number): Promise<number> {
    await this.#learn(block);
    const isUnrestored = !this.#isRestored(block);
    if (context === 'holdfast:restore') return isUnrestored ? 1 : 0;
    return isUnrestored && (await this.#deps.isHole(block)) ? 3 : 0;
  }

  async #learn(block: number): Promise<void> {
    if (!this.#deps.finder.known(block)) await this.#deps.finder.find(block);
  }

  /** As of now: nothing may be awaited between this and what rests on it. */
  #isRestored(block: number): boolean {
    return this.#deps.finder.known(block) === 'restored';
  }

  /**
   * Neighbouring restored blocks in one piece, every other block on its own. Waits for all of them, failed or not:
   * the caller's buffer is in use until then.
   */
  async #eachPart(
    offsetBytes: number,
    lengthBytes: number,
    onRestored: (start: number, length: number) => Promise<void>,
    onBlock: (segment: Segment) => Promise<void>,
  ): Promise<void> {
    const { geometry, finder } = this.#deps;
    let pending: Promise<void>[] = [];
    let run: { start: number; length: number } | undefined;
    const endRun = () => {
      if (run) pending.push(onRestored(run.start, run.length));
      run = undefined;
    };
    for (const segment of segmentsOf(geometry, offsetBytes, lengthBytes)) {
      if (finder.known(segment.block) === 'restored') {
        run ??= { start: segment.requestOffset, length: 0 };
        run.length += segment.length;
        continue;
      }
      endRun();
      pending.push(onBlock(segment));
      if (pending.length >= blocksAtOnceMax) pending = await settle(pending);
    }
    endRun();
    await settle(pending);
  }

  /** Answers as soon as the chunk is there and verified; it is persisted afterwards. */
  async #readBlock(into: Uint8Array, block: number, offset: number): Promise<void> {
    const { persister, target, geometry, load } = this.#deps;
    for (;;) {
      await this.#learn(block);
      if (this.#isRestored(block)) return target.read(into, blockOffset(geometry, block) + offset);
      const present = persister.get(block);
      const item = present ?? persister.fetch(block, load);
      if (!item.base) {
        // A write of the whole block is on its way, and no chunk: what it leaves behind will be on the disk.
        await item.settled.catch(() => undefined);
        continue;
      }
      try {
        copyChunk(into, await item.base, offset);
        return;
      } catch (thrown) {
        // The background's fetch may have been stopped by a pause; this read then fetches on its own.
        if (!present?.background) throw thrown;
        await item.settled.catch(() => undefined);
      }
    }
  }

  /** Writes into a block that may be unrestored. */
  async #change(block: number, overlay: Overlay): Promise<void> {
    const { persister, load, geometry } = this.#deps;
    for (;;) {
      await this.#learn(block);
      if (this.#isRestored(block)) {
        const at = blockOffset(geometry, block) + overlay.offset;
        if (overlay.bytes) return this.#writeRestored(overlay.bytes, at);
        return this.#deps.target.zero(at, overlay.length);
      }
      const written = persister.write(block, overlay, load);
      if (written) return written;
      await persister.get(block)?.settled.catch(() => undefined);
    }
  }

  /** A range of restored blocks. A mark among the bytes would unrestore what is there, so it is refused. */
  async #writeRestored(from: Uint8Array, offsetBytes: number): Promise<void> {
    const { geometry, marks, target } = this.#deps;
    // Only the first and the last block can have part of their first 64 bytes written; those go on their own.
    let start = 0;
    let end = from.length;
    for (const segment of segmentsOf(geometry, offsetBytes, from.length)) {
      if (segment.offset >= markBytes || visibleBytes(geometry, segment.block) < markBytes) continue;
      const bytes = from.subarray(segment.requestOffset, segment.requestOffset + segment.length);
      if (segment.offset > 0 || segment.length < markBytes) {
        await this.#writeIntoHead(bytes, segment);
        if (segment.requestOffset === 0) start = segment.length;
        else end = segment.requestOffset;
      } else if (decodeMark(marks, segment.block, bytes) !== 'none') throw forgedMark(segment.block);
    }
    if (start < end) await target.write([from.subarray(start, end)], offsetBytes + start);
  }

  /** Part of a block's first 64 bytes: judged as they will be, one such write at a time. */
  async #writeIntoHead(bytes: Uint8Array, { block, offset }: Segment): Promise<void> {
    const { geometry, marks, target } = this.#deps;
    const before = this.#headWrites.get(block);
    const writing = (async () => {
      await before?.catch(() => undefined);
      const head = new Uint8Array(markBytes);
      await target.read(head, blockOffset(geometry, block));
      head.set(bytes.subarray(0, markBytes - offset), offset);
      if (decodeMark(marks, block, head) !== 'none') throw forgedMark(block);
      await target.write([bytes], blockOffset(geometry, block) + offset);
    })();
    this.#headWrites.set(block, writing);
    try {
      await writing;
    } finally {
      if (this.#headWrites.get(block) === writing) this.#headWrites.delete(block);
    }
  }

  #fetchAhead(offsetBytes: number, lengthBytes: number): void {
    const { geometry, finder, persister, load } = this.#deps;
    const { start, end } = this.#readAhead.after(offsetBytes, lengthBytes, geometry.blockBytes);
    for (let block = start; block < Math.min(end, geometry.tree.blockCount); block++) {
      if (finder.known(block) !== 'unrestored' || persister.get(block)) continue;
      persister.fetch(block, load);
    }
  }

  /** Heads have returned: a barrier that begins now covers them. */
  async #end(options: { fua?: boolean } | undefined): Promise<void> {
    const { barriers } = this.#deps;
    if (options?.fua) await barriers.flush();
    else if (barriers.failure) throw barriers.failure;
  }
}

async function settle(pending: Promise<void>[]): Promise<Promise<void>[]> {
  for (const one of await Promise.allSettled(pending)) if (one.status === 'rejected') throw one.reason;
  return [];
}

/** A hole, and what lies behind the end of a short last chunk, is zeroes. */
function copyChunk(into: Uint8Array, chunk: Uint8Array | undefined, offset: number): void {
  const bytes = chunk?.subarray(offset, offset + into.length);
  if (bytes) into.set(bytes);
  into.fill(0, bytes?.length ?? 0);
}
