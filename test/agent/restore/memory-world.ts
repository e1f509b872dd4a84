import { asCorrupt } from '../../../agent/snapshot/damage.ts';
import type { Clock, TargetDisk } from '../../../agent/restore/target-disk.ts';
import type { DescriptorStore } from '../../../agent/restore/descriptor-store.ts';
import type { EngineDeps } from '../../../agent/restore/engine-parts.ts';
import { newDescriptor } from '../../../agent/restore/restore-plan.ts';
import { RestoreEngine } from '../../../agent/restore/restore-engine.ts';
import type { HoldfastError } from '../../../core/errors.ts';
import type { Descriptor } from '../../../core/restore/descriptor.ts';
import { makeGeometry } from '../../../core/restore/geometry.ts';
import { describeMark } from '../../../core/restore/mark.ts';
import type { ReadChunkOptions, SnapshotSource } from '../../../core/snapshot/source.ts';

const pageBytes = 4096;

/** A disk in memory that keeps only what was written, counts, and fails or waits where a test says so. */
export class MemoryDisk implements TargetDisk {
  readonly sizeBytes: number;
  readonly #pages = new Map<number, Uint8Array>();
  readonly counters = { reads: 0, writes: 0, barriers: 0, treeMarks: 0, lateWrites: 0 };
  /** Called before each; may throw or wait. */
  beforeRead: (offsetBytes: number) => void = () => undefined;
  beforeWrite: (offsetBytes: number) => void = () => undefined;
  beforeBarrier: () => void | Promise<void> = () => undefined;

  constructor(sizeBytes: number) {
    this.sizeBytes = sizeBytes;
  }

  async read(into: Uint8Array, offsetBytes: number): Promise<void> {
    this.counters.reads++;
    this.beforeRead(offsetBytes);
    this.#each(offsetBytes, into.length, (page, from, at, length) =>
      into.set(page.subarray(from, from + length), at),
    );
  }

  /** Where `isCached`, every read is answered at once. */
  isCached = false;
  readNow(into: Uint8Array, offsetBytes: number): boolean {
    if (this.isCached) void this.read(into, offsetBytes);
    return this.isCached;
  }

  async write(
    parts: readonly Uint8Array[],
    offsetBytes: number,
    { late = false }: { late?: boolean } = {},
  ): Promise<void> {
    const bytes = Buffer.concat(parts);
    this.counters.writes++;
    if (late) this.counters.lateWrites++;
    this.beforeWrite(offsetBytes);
    if (bytes.length === pageBytes && describeMark(bytes)?.kind === 'tree') this.counters.treeMarks++;
    this.#each(offsetBytes, bytes.length, (page, from, at, length) =>
      page.set(bytes.subarray(at, at + length), from),
    );
  }

  zero(offsetBytes: number, lengthBytes: number): Promise<void> {
    return this.write([new Uint8Array(lengthBytes)], offsetBytes);
  }

  async barrier(): Promise<void> {
    this.counters.barriers++;
    await this.beforeBarrier();
  }

  resize = () => Promise.resolve();
  freeBytes = () => Promise.resolve(undefined);
  close = () => Promise.resolve();

  /** The descriptor's block 0 … n−1 as they are on the disk. */
  bytes(): Buffer {
    const all = Buffer.alloc(this.sizeBytes);
    this.#each(0, all.length, (page, from, at, length) => all.set(page.subarray(from, from + length), at));
    return all;
  }

  #each(
    offsetBytes: number,
    lengthBytes: number,
    visit: (page: Uint8Array, from: number, at: number, length: number) => void,
  ): void {
    for (let at = 0; at < lengthBytes;) {
      const index = Math.floor((offsetBytes + at) / pageBytes);
      const from = (offsetBytes + at) % pageBytes;
      const length = Math.min(pageBytes - from, lengthBytes - at);
      let page = this.#pages.get(index);
      // What was on the disk before: anything but what is expected.
      if (!page) this.#pages.set(index, (page = new Uint8Array(pageBytes).fill(0xee)));
      visit(page, from, at, length);
      at += length;
    }
  }
}

/** A snapshot in memory; chunks of zeroes are holes. `fail` names chunks that cannot be fetched now. */
export class MemorySnapshot implements SnapshotSource {
  readonly snapshotId = '01j00000000000000000000000';
  readonly rootHash = new Uint8Array(32);
  readonly sizeBytes: number;
  readonly chunkBytes: number;
  readonly chunkCount: number;
  readonly fetched: number[] = [];
  readonly fail = new Map<number, HoldfastError>();
  gate: Promise<void> = Promise.resolve();
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, chunkBytes: number, sizeBytes = bytes.length) {
    this.#bytes = bytes;
    this.sizeBytes = sizeBytes;
    this.chunkBytes = chunkBytes;
    this.chunkCount = Math.ceil(sizeBytes / chunkBytes);
  }

  /** In memory that is overwritten as soon as it is given back. */
  async readChunk(
    index: number,
    { onLent }: Pick<ReadChunkOptions, 'onLent'> = {},
  ): Promise<Uint8Array | undefined> {
    await this.gate;
    const found = this.#chunk(index);
    const chunk = found && Uint8Array.from(found);
    onLent?.(() => void chunk?.fill(0xdd));
    if (!chunk) return undefined;
    this.fetched.push(index);
    const failure = this.fail.get(index);
    if (failure) throw failure;
    return chunk;
  }

  isHole = async (index: number) => this.#chunk(index) === undefined;

  hot: readonly number[] = [];
  hotChunks = () => Promise.resolve(this.hot);

  async *readChunks(start: number, end: number) {
    if (start > end || end > this.chunkCount) throw new Error(`there are no chunks ${start} to ${end}`);
    for (let index = start; index < end; index++)
      yield await this.readChunk(index).then(
        (bytes) => ({ index, bytes, release: () => void bytes?.fill(0xdd) }),
        (thrown: unknown) => ({ index, damage: asCorrupt(thrown) }),
      );
  }

  close = () => Promise.resolve();

  #chunk(index: number): Uint8Array | undefined {
    const chunk = this.#bytes.subarray(index * this.chunkBytes, (index + 1) * this.chunkBytes);
    return chunk.every((byte) => byte === 0) ? undefined : chunk;
  }
}

/** Time that passes when somebody sleeps. */
export function testClock(): Clock {
  let nowMs = 1_700_000_000_000;
  return {
    now: () => nowMs,
    sleep: async (ms, signal) => {
      await new Promise((go) => setImmediate(go));
      signal?.throwIfAborted();
      nowMs += ms;
    },
  };
}

export class MemoryStore implements DescriptorStore {
  stored: Descriptor | undefined;
  saves = 0;
  load = async () => this.stored;
  save = async (descriptor: Descriptor) => {
    this.saves++;
    this.stored = structuredClone(descriptor);
  };
  remove = async () => void (this.stored = undefined);
}

export interface Setup {
  disk: MemoryDisk;
  snapshot: MemorySnapshot;
  store: MemoryStore;
  deps: EngineDeps;
  engine: RestoreEngine;
}

/** A restore that has just begun. */
export async function begin(
  snapshot: MemorySnapshot,
  options: { volumeBytes?: number; arity?: number; promisedBytesPerSec?: number } & Partial<EngineDeps> = {},
): Promise<Setup> {
  const { volumeBytes = snapshot.sizeBytes, arity = 2, promisedBytesPerSec, ...others } = options;
  const geometry = makeGeometry({
    volumeBytes,
    snapshotBytes: snapshot.sizeBytes,
    blockBytes: snapshot.chunkBytes,
    arity,
  });
  const disk = new MemoryDisk(geometry.diskBytes);
  const store = new MemoryStore();
  const deps = { target: disk, source: snapshot, store, clock: testClock(), ...others };
  const identity = { kind: 'device', serial: 'memory', sizeBytes: volumeBytes } as const;
  const made = {
    volumeId: 'v',
    path: '/memory',
    identity,
    restoreId: 'ab'.repeat(16),
    geometry,
    source: snapshot,
    promisedBytesPerSec,
  };
  const engine = await RestoreEngine.begin(deps, newDescriptor(made));
  return { disk, snapshot, store, deps, engine };
}
