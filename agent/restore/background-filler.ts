import { asHoldfastError, HoldfastError } from '../../core/errors.ts';
import type { BlockStates } from '../../core/restore/block-states.ts';
import type { Geometry } from '../../core/restore/geometry.ts';
import { runsOf } from '../../core/snapshot/hot-list.ts';
import type { SnapshotSource } from '../../core/snapshot/source.ts';
import type { Bandwidth } from './bandwidth.ts';
import { ByteBudget } from './byte-budget.ts';
import { wrongLength } from './chunk-loader.ts';
import type { Persister } from './persister.ts';
import type { StateFinder } from './state-finder.ts';
import type { Clock } from './target-disk.ts';
import type { WorkItem } from './work-item.ts';

/** Long enough for good use of a range GET, short enough that a client's read of a block in it does not wait long. */
const runBytesMax = 4 * 1024 * 1024;
const runsMax = 8;
/** While the background is behind what was promised: more connections are what S3 gives more for. */
const lateRunsMax = 16;
const retryMsMin = 500;
const retryMsMax = 30_000;
/** The background leaves this much room on the file system, for the clients' writes and the descriptor. */
export const reserveBytes = 32 * 1024 * 1024;

interface Range {
  start: number;
  end: number;
}

export interface FillerDeps {
  geometry: Geometry;
  states: BlockStates;
  source: SnapshotSource;
  finder: StateFinder;
  persister: Persister;
  /** Those that count now; which ones changes only while it is stopped. */
  readonly bandwidths: Bandwidth[];
  clock: Clock;
  freeBytes: () => Promise<number | undefined>;
  /** True when everything is restored and durably so. */
  finish: () => Promise<boolean>;
  /** Why the volume has stopped, if it has. */
  failure: () => HoldfastError | undefined;
  isLate: () => boolean;
  onTrouble: (error: HoldfastError, block: number) => void;
  /** After each pass that found everything which is left damaged, with what was met last. It goes on all the same. */
  onStuck: (damage: HoldfastError) => void;
}

/** Restores what is hot and then block after block, from the cursor on, until nothing is left. Stopping and starting it is a pause. */
export class BackgroundFiller {
  readonly #deps: FillerDeps;
  readonly #budget = new ByteBudget(lateRunsMax * runBytesMax);
  #stop: AbortController | undefined;
  /** What is to come first; undefined until it is known, empty once it is through. */
  #hot: readonly Range[] | undefined;
  #running: Promise<void> | undefined;
  #damage: HoldfastError | undefined;

  constructor(deps: FillerDeps) {
    this.#deps = deps;
  }

  /** Ends by itself only when everything is restored or the volume has stopped. */
  start(): void {
    if (this.#running) return;
    const stop = new AbortController();
    this.#stop = stop;
    this.#running = this.#run(stop.signal).catch((thrown: unknown) => {
      if (!stop.signal.aborted) throw thrown;
    });
  }

  async stop(): Promise<void> {
    this.#stop?.abort(new Error('the background was stopped'));
    await this.#running;
    this.#running = undefined;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { states, clock } = this.#deps;
    for (let waitMs = retryMsMin; ; waitMs = Math.min(waitMs * 2, retryMsMax)) {
      const before = states.restoredCount;
      const result = await this.#attempt(signal);
      signal.throwIfAborted();
      if (result === 'done' || this.#deps.failure()) return;
      if (states.restoredCount > before) waitMs = retryMsMin;
      else if (result === 'damaged' && this.#damage) this.#deps.onStuck(this.#damage);
      if (result !== 'again') await clock.sleep(waitMs, signal);
    }
  }

  /** Whatever goes wrong, also where nothing was expected to, is said and tried again. */
  async #attempt(signal: AbortSignal): Promise<'done' | 'troubled' | 'damaged' | 'again'> {
    const { finish, failure, states, onTrouble } = this.#deps;
    try {
      this.#hot ??= await this.#findHot(signal);
      const trouble = await this.#pass(signal);
      if (trouble) return trouble;
      this.#hot = [];
      signal.throwIfAborted();
      return !failure() && (await finish()) ? 'done' : 'again';
    } catch (thrown) {
      if (!signal.aborted && !failure()) onTrouble(asHoldfastError(thrown), states.advanceLow());
      return 'troubled';
    }
  }

  /** It is advice: without it the restore goes on in order. */
  async #findHot(signal: AbortSignal): Promise<Range[]> {
    const { source, onTrouble } = this.#deps;
    try {
      return runsOf(await source.hotChunks(signal));
    } catch (thrown) {
      const error = asHoldfastError(thrown);
      if (signal.aborted || !['CORRUPT', 'UNSUPPORTED'].includes(error.code)) throw thrown;
      onTrouble(error, 0);
      return [];
    }
  }

  /**
   * Once over everything that is not restored, hot blocks first. Says where something has to be tried again, and
   * whether the pass came to its end and met nothing but damage.
   */
  async #pass(signal: AbortSignal): Promise<'troubled' | 'damaged' | undefined> {
    const { geometry, states, bandwidths } = this.#deps;
    const runs = new Set<Promise<void>>();
    const runBlocks = Math.max(1, Math.floor(this.#runBytes() / geometry.blockBytes));
    const runBytes = runBlocks * geometry.blockBytes;
    const isLimited = bandwidths.some((limit) => limit.bytesPerSec);
    const concurrency = () => (isLimited ? 1 : this.#deps.isLate() ? lateRunsMax : runsMax);
    let troubled = false;
    let ended = false;
    const broken: unknown[] = [];
    try {
      const all = { start: states.advanceLow(), end: geometry.tree.blockCount };
      for (const range of [...(this.#hot ?? []), all])
        for (let at = range.start; at < range.end && !ended;) {
          for (const limit of bandwidths) await limit.ready(signal);
          await this.#keepReserve();
          at = await this.#skipRestored(at, range.end, signal);
          if (at >= range.end) break;
          const limit = Math.min(at + runBlocks, range.end);
          await this.#learn(at, limit);
          await this.#budget.acquire(runBytes);
          // From here to the items nothing is awaited: what is free now stays free.
          const end = signal.aborted ? at : this.#runEnd(at, limit);
          const run: Promise<void> = this.#restoreRun(at, end, signal)
            .then(
              (result) => {
                troubled ||= result !== 'ok';
                ended ||= result === 'stop';
              },
              (thrown: unknown) => {
                broken.push(thrown);
                ended = true;
              },
            )
            .finally(() => {
              this.#budget.release(runBytes);
              runs.delete(run);
            });
          runs.add(run);
          signal.throwIfAborted();
          at = Math.max(end, at + 1);
          if (runs.size >= concurrency()) await Promise.race(runs);
        }
    } finally {
      await Promise.all(runs);
    }
    if (broken.length > 0) throw broken[0];
    // On-demand work that was skipped has to be through before this pass can count as complete.
    if (!troubled) await this.#deps.persister.settled();
    if (ended) return 'troubled';
    return troubled ? 'damaged' : undefined;
  }

  #runBytes(): number {
    const limits = this.#deps.bandwidths.map((limit) => (limit.bytesPerSec ?? Infinity) / 4);
    return Math.min(runBytesMax, ...limits);
  }

  async #keepReserve(): Promise<void> {
    const { freeBytes, clock, onTrouble, states } = this.#deps;
    for (let waitMs = retryMsMin; ; waitMs = Math.min(waitMs * 2, retryMsMax)) {
      const free = await freeBytes();
      if (free === undefined || free >= reserveBytes) return;
      onTrouble(noRoom(free), states.advanceLow());
      await clock.sleep(waitMs, this.#stop?.signal);
    }
  }

  /** The next block that is unrestored and that nobody works on. Blocks whose mark cannot be read count as such. */
  async #skipRestored(at: number, limit: number, signal: AbortSignal): Promise<number> {
    const { finder, persister, clock } = this.#deps;
    for (let block = at; block < limit; block++) {
      if (block % 8192 === 8191) await clock.sleep(0, signal);
      const state = finder.known(block) ?? (await finder.find(block).catch(() => 'unrestored'));
      if (state === 'unrestored' && !persister.get(block)) return block;
    }
    return limit;
  }

  async #learn(start: number, end: number): Promise<void> {
    const { finder } = this.#deps;
    for (let block = start; block < end; block++)
      if (!finder.known(block)) await finder.find(block).catch(() => undefined);
  }

  #runEnd(start: number, limit: number): number {
    const { finder, persister } = this.#deps;
    let end = start;
    while (end < limit && finder.known(end) === 'unrestored' && !persister.get(end)) end++;
    return end;
  }

  async #restoreRun(start: number, end: number, signal: AbortSignal): Promise<'ok' | 'again' | 'stop'> {
    const { persister, onTrouble } = this.#deps;
    // Nothing to do, or a mark that cannot be read: that one is tried again.
    if (start >= end) return this.#tryMark(start);
    const chunks = Array.from({ length: end - start }, () => Promise.withResolvers<Uint8Array | undefined>());
    const items = chunks.map((chunk, i) =>
      persister.fetch(start + i, () => chunk.promise, { background: true }),
    );
    const settled = Promise.allSettled(items.map((item) => item.settled));
    await this.#fetchRun(start, chunks, items, signal);
    let result: 'ok' | 'again' | 'stop' = 'ok';
    for (const [i, one] of (await settled).entries()) {
      if (one.status === 'fulfilled' || signal.aborted) continue;
      const error = asHoldfastError(one.reason);
      onTrouble(error, start + i);
      // A damaged chunk is passed over; when S3 is away or the disk is full, the next block would fail as well.
      if (error.code !== 'CORRUPT') result = 'stop';
      else {
        this.#damage = error;
        if (result === 'ok') result = 'again';
      }
    }
    return result;
  }

  /** What is wrong with a mark that could not be read, if it still cannot. */
  async #tryMark(block: number): Promise<'ok' | 'again'> {
    const { geometry, finder, onTrouble } = this.#deps;
    if (block >= geometry.tree.blockCount || finder.known(block)) return 'ok';
    try {
      await finder.find(block);
    } catch (thrown) {
      this.#damage = asHoldfastError(thrown);
      onTrouble(this.#damage, block);
    }
    return 'again';
  }

  /** Settles every chunk of the run; a damaged one does not take those behind it along. */
  async #fetchRun(
    start: number,
    chunks: PromiseWithResolvers<Uint8Array | undefined>[],
    items: readonly WorkItem[],
    signal: AbortSignal,
  ): Promise<void> {
    const { source, bandwidths } = this.#deps;
    // A run may begin behind the snapshot's end: zeroes of a volume that is larger.
    const inSnapshot = Math.max(start, Math.min(start + chunks.length, source.chunkCount));
    const options = { signal, priority: 'background' as const };
    let next = start;
    try {
      const reads = start < inSnapshot ? source.readChunks(start, inSnapshot, options) : [];
      for await (const read of reads) {
        const chunk = chunks[read.index - start];
        const damage = read.damage ?? wrongLength(source, read.index, read.bytes);
        if (read.damage || damage) chunk?.reject(damage);
        else {
          for (const limit of bandwidths) limit.spend(read.bytes?.length ?? 0);
          chunk?.resolve(read.bytes);
          if (!read.damage && read.release) items[read.index - start]?.releaseWhenSettled(read.release);
        }
        next = read.index + 1;
      }
      if (next < inSnapshot) throw new Error(`the snapshot ended at chunk ${next}`);
    } catch (thrown) {
      for (const chunk of chunks.slice(next - start)) chunk.reject(thrown);
      return;
    }
    for (const chunk of chunks.slice(Math.max(0, inSnapshot - start))) chunk.resolve(undefined);
  }
}

function noRoom(freeBytes: number): HoldfastError {
  return new HoldfastError('NO_SPACE', `the target's file system has ${freeBytes} bytes left`, {
    hint: 'make room there; the restore goes on by itself',
  });
}
