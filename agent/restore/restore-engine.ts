import { setImmediate } from 'node:timers/promises';
import type { BlockDevice, Extent, StatusContext } from '../../core/block-device.ts';
import { asHoldfastError, HoldfastError } from '../../core/errors.ts';
import { BlockStates } from '../../core/restore/block-states.ts';
import type { Descriptor, RestorePhase } from '../../core/restore/descriptor.ts';
import { blockOffset, makeGeometry, type Geometry } from '../../core/restore/geometry.ts';
import { decodeMark, markBytes, type MarkContext, type MarkReading } from '../../core/restore/mark.ts';
import type { SnapshotSource } from '../../core/snapshot/source.ts';
import { BackgroundFiller } from './background-filler.ts';
import { Bandwidth } from './bandwidth.ts';
import { BarrierOwner } from './barrier-owner.ts';
import { BatchRunner, type BatchDeps } from './batch-runner.ts';
import { ChunkLoader, type FetchErrorPolicy } from './chunk-loader.ts';
import { DescriptorKeeper, type DescriptorStore } from './descriptor-store.ts';
import { MixedDevice } from './mixed-device.ts';
import { Persister } from './persister.ts';
import { PlainDevice } from './plain-device.ts';
import { ProgressMeter } from './progress-meter.ts';
import { markContextOf, Starter } from './starter.ts';
import { StateFinder } from './state-finder.ts';
import type { Clock, TargetDisk } from './target-disk.ts';

/** The cursor is stored after this much was restored or this time, so that a restart has little to look at again. */
const cursorEveryBytesDefault = 64 * 1024 * 1024;
const cursorEveryMs = 1000;
/** A long look through memory lets others run this often. */
const yieldBlocks = 65_536;

export interface EngineDeps {
  target: TargetDisk;
  source: SnapshotSource;
  store: DescriptorStore;
  clock: Clock;
  /** Shared by the volumes of this process. */
  sharedBandwidth?: Bandwidth;
  fetchErrorPolicy?: FetchErrorPolicy;
  /** @default 64 MiB */
  cursorEveryBytes?: number;
  /** A trouble that the background goes on in spite of. */
  onTrouble?: (error: HoldfastError, block: number) => void;
  /** The parts that keep the order of writes; tests put broken ones in to see that it is noticed. */
  parts?: Partial<EngineParts>;
}

export interface EngineParts {
  barriers: (target: TargetDisk) => BarrierOwner;
  starter: (p: { store: DescriptorStore; target: TargetDisk; barriers: BarrierOwner }) => Starter;
  runner: (deps: BatchDeps) => BatchRunner;
  finder: (p: ConstructorParameters<typeof StateFinder>[0]) => StateFinder;
  settler: (p: SettlerDeps) => Settler;
}

/** What says how far a restore durably is. */
export interface SettlerDeps {
  geometry: Geometry;
  states: BlockStates;
  finder: StateFinder;
  barriers: BarrierOwner;
  keeper: DescriptorKeeper;
  target: TargetDisk;
}

export type EngineState = 'restoring' | 'paused' | 'restored' | 'canceled' | 'failed' | 'closed';

/** The cursor and the end of a restore: what is stored durably is trusted from then on. */
export class Settler {
  readonly deps: SettlerDeps;

  constructor(deps: SettlerDeps) {
    this.deps = deps;
  }

  /** Everything below the cursor is durable before the cursor says so. */
  async storeCursor(): Promise<void> {
    const cursor = this.deps.states.advanceLow();
    if (cursor <= this.deps.keeper.descriptor.moving.cursor) return;
    await this.seal();
    await this.deps.keeper.update({ cursor });
  }

  /** True when every block was found restored and that is durable; from then on no mark is looked at any more. */
  async finish(): Promise<boolean> {
    const { geometry, keeper, target } = this.deps;
    if (!(await this.recheck(keeper.descriptor.moving.cursor))) return false;
    // A file that was padded to whole pages gets its own size back.
    if (target.sizeBytes > geometry.volumeBytes && keeper.descriptor.frozen.identity.kind === 'file')
      await target.resize(geometry.volumeBytes);
    await this.seal();
    await keeper.update({ phase: 'restored', cursor: geometry.tree.blockCount });
    return true;
  }

  protected async recheck(low: number): Promise<boolean> {
    const { finder, geometry } = this.deps;
    for (let block = low; block < geometry.tree.blockCount; block++) {
      if (block % yieldBlocks === 0) await setImmediate();
      if ((finder.known(block) ?? (await finder.find(block))) !== 'restored') return false;
    }
    return true;
  }

  protected seal(): Promise<void> {
    return this.deps.barriers.barrier();
  }
}

/**
 * A volume that is served while it is restored. What is restored and what is not stands in the volume itself, as
 * marks (docs/restore.md); the descriptor says only which restore this is.
 */
export class RestoreEngine implements BlockDevice {
  readonly readOnly = false;
  readonly blockSize = { minBytes: 1, preferredBytes: 4096, maxBytes: 32 * 1024 * 1024 };
  readonly geometry: Geometry;
  readonly bandwidth: Bandwidth;
  readonly #deps: EngineDeps;
  readonly #states: BlockStates;
  readonly #marks: MarkContext;
  readonly #barriers: BarrierOwner;
  readonly #keeper: DescriptorKeeper;
  readonly #persister: Persister;
  readonly #settler: Settler;
  readonly #filler: BackgroundFiller;
  readonly #meter: ProgressMeter;
  readonly #plain: PlainDevice;
  readonly #stop = new AbortController();
  readonly #ended = Promise.withResolvers<EngineState>();
  /** Serves until it is replaced by the plain device. */
  #device: BlockDevice;
  #state: EngineState;
  #refusal: HoldfastError | undefined;
  #sinceCursorBytes = 0;
  #cursorAt = 0;
  #lastTrouble: HoldfastError | undefined;

  /** Begins a restore. Resolves when it may be served: after O(1) writes and no fetch. */
  static async begin(deps: EngineDeps, descriptor: Descriptor): Promise<RestoreEngine> {
    return new RestoreEngine(deps, await startWith(deps, descriptor), true);
  }

  /** Goes on with a restore from its stored descriptor. */
  static async resume(deps: EngineDeps, descriptor: Descriptor): Promise<RestoreEngine> {
    if (descriptor.moving.phase === 'starting') return RestoreEngine.begin(deps, descriptor);
    return new RestoreEngine(deps, { descriptor, barriers: makeBarriers(deps) }, false);
  }

  private constructor(
    deps: EngineDeps,
    { descriptor, barriers }: { descriptor: Descriptor; barriers: BarrierOwner },
    isFresh: boolean,
  ) {
    const { frozen, moving } = descriptor;
    const { target, source, store, clock, parts } = deps;
    this.#deps = deps;
    this.#barriers = barriers;
    this.#keeper = new DescriptorKeeper(store, descriptor);
    this.#marks = markContextOf(descriptor);
    this.geometry = makeGeometry({ ...frozen, diskBytes: target.sizeBytes });
    this.#states = new BlockStates(frozen.blockCount, moving.cursor);
    if (isFresh) this.#states.set(0, 'tree');
    const { geometry } = this;
    const states = this.#states;
    const finderDeps = { tree: geometry.tree, states, readMark: (block: number) => this.#readMark(block) };
    const finder = parts?.finder?.(finderDeps) ?? new StateFinder(finderDeps);
    const batchDeps = { geometry, states, marks: this.#marks, target, barriers };
    const persister = new Persister({
      geometry,
      marks: this.#marks,
      barriers,
      runner: parts?.runner?.(batchDeps) ?? new BatchRunner(batchDeps),
      onBatch: (count) => this.#onBatch(count),
    });
    this.#persister = persister;
    const settlerDeps = { geometry, states, finder, barriers, keeper: this.#keeper, target };
    this.#settler = parts?.settler?.(settlerDeps) ?? new Settler(settlerDeps);
    this.bandwidth = new Bandwidth(clock, moving.bandwidthBytesPerSec);
    this.#meter = new ProgressMeter(clock);
    this.#filler = new BackgroundFiller({
      geometry,
      states,
      source,
      finder,
      persister,
      clock,
      bandwidths: deps.sharedBandwidth ? [this.bandwidth, deps.sharedBandwidth] : [this.bandwidth],
      freeBytes: () => target.freeBytes(),
      finish: () => this.#finish(),
      failure: () => barriers.failure,
      onTrouble: (error, block) => this.#noteTrouble(error, block),
    });
    this.#plain = new PlainDevice(target, frozen.volumeBytes, barriers);
    const loader = new ChunkLoader({ source, clock, policy: deps.fetchErrorPolicy ?? 'eio' });
    this.#device = new MixedDevice({
      geometry,
      finder,
      persister,
      barriers,
      target,
      marks: this.#marks,
      plain: this.#plain,
      load: (item) => loader.load(item, this.#stop.signal),
      isHole: (block) => (block < source.chunkCount ? source.isHole(block) : Promise.resolve(true)),
    });
    this.#state = stateOfPhase(moving.phase, moving.paused);
    void barriers.failed.then(() => this.#ended.resolve('failed'));
    if (this.#state === 'restored') this.#device = this.#plain;
    if (this.#state === 'canceled') this.#refusal = canceled(frozen.snapshotId);
  }

  get sizeBytes(): number {
    return this.geometry.volumeBytes;
  }

  get state(): EngineState {
    if (this.#barriers.failure && this.#state !== 'closed') return 'failed';
    return this.#state;
  }

  get descriptor(): Descriptor {
    return this.#keeper.descriptor;
  }

  /** Why the volume has stopped, or what the background last stumbled over. */
  get trouble(): HoldfastError | undefined {
    return this.#barriers.failure ?? this.#lastTrouble;
  }

  /** Starts the background, unless the restore is paused or over. */
  startBackground(): void {
    if (this.#state !== 'restoring') return;
    this.#filler.start((error) => {
      if (error) this.#noteTrouble(error, 0);
    });
  }

  async pause(): Promise<void> {
    this.#mustBe('restoring', 'paused');
    this.#state = 'paused';
    await this.#filler.stop();
    // The background may just have come to its end.
    if (this.state !== 'paused') return;
    await this.#persister.drain();
    await this.#settler.storeCursor();
    await this.#keeper.update({ paused: true });
  }

  async resumeBackground(): Promise<void> {
    this.#mustBe('restoring', 'paused');
    await this.#keeper.update({ paused: false });
    this.#state = 'restoring';
    this.startBackground();
  }

  /** Nothing is served any more until the volume is restored again. */
  async cancel(): Promise<void> {
    this.#mustBe('restoring', 'paused');
    this.#refusal = canceled(this.descriptor.frozen.snapshotId);
    this.#state = 'canceled';
    this.#stop.abort(this.#refusal);
    await this.#filler.stop();
    this.#persister.close(this.#refusal);
    await this.#persister.drain();
    await this.#keeper.update({ phase: 'canceled' });
    this.#ended.resolve('canceled');
  }

  /** Resolves when the restore is over: restored, canceled, failed or closed. */
  async ended(): Promise<EngineState> {
    return this.state === 'restored' ? 'restored' : this.#ended.promise;
  }

  progress(): {
    fraction: number;
    restoredBytes: number;
    totalBytes: number;
    bytesPerSec: number;
    lastProgressAt: number;
    etaMs?: number;
  } {
    const { blockBytes, volumeBytes, tree } = this.geometry;
    const isDone = this.#state === 'restored';
    const count = isDone ? tree.blockCount : this.#states.restoredCount;
    const restoredBytes = Math.min(count * blockBytes, volumeBytes);
    const bytesPerSec = isDone ? 0 : this.#meter.bytesPerSec();
    const etaMs =
      bytesPerSec > 0 ? Math.ceil(((volumeBytes - restoredBytes) / bytesPerSec) * 1000) : undefined;
    return {
      fraction: count / tree.blockCount,
      restoredBytes,
      totalBytes: volumeBytes,
      bytesPerSec,
      lastProgressAt: this.#meter.lastProgressAt,
      ...(etaMs === undefined ? {} : { etaMs }),
    };
  }

  async read(into: Uint8Array, offsetBytes: number): Promise<void> {
    this.#check();
    await this.#device.read(into, offsetBytes);
  }

  async write(from: Uint8Array, offsetBytes: number, options?: { fua?: boolean }): Promise<void> {
    this.#check();
    await this.#device.write(from, offsetBytes, options);
  }

  async flush(): Promise<void> {
    this.#check();
    await this.#device.flush();
  }

  async trim(offsetBytes: number, lengthBytes: number, options?: { fua?: boolean }): Promise<void> {
    this.#check();
    await this.#device.trim(offsetBytes, lengthBytes, options);
  }

  async writeZeroes(
    offsetBytes: number,
    lengthBytes: number,
    options?: { fua?: boolean; noHole?: boolean },
  ): Promise<void> {
    this.#check();
    await this.#device.writeZeroes(offsetBytes, lengthBytes, options);
  }

  async prefetch(offsetBytes: number, lengthBytes: number): Promise<void> {
    this.#check();
    await this.#device.prefetch?.(offsetBytes, lengthBytes);
  }

  async blockStatus(
    context: StatusContext,
    offsetBytes: number,
    lengthBytes: number,
    maxExtents: number,
  ): Promise<Extent[]> {
    this.#check();
    const extents = await this.#device.blockStatus?.(context, offsetBytes, lengthBytes, maxExtents);
    return extents ?? [{ lengthBytes, flags: 0 }];
  }

  /** Stops the background, makes what was done durable where the disk still works, and lets go of the target. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    const wasRunning = this.#state === 'restoring' || this.#state === 'paused';
    this.#refusal ??= new HoldfastError('UNAVAILABLE', 'the volume is being closed');
    this.#stop.abort(this.#refusal);
    await this.#filler.stop();
    this.#persister.close(this.#refusal);
    await this.#persister.drain();
    if (wasRunning && !this.#barriers.failure)
      await this.#settler
        .storeCursor()
        .catch((thrown: unknown) => this.#noteTrouble(asHoldfastError(thrown), 0));
    this.#state = 'closed';
    this.#ended.resolve('closed');
    await this.#deps.target.close();
  }

  #check(): void {
    if (this.#refusal) throw this.#refusal;
    if (this.#barriers.failure) throw this.#barriers.failure;
  }

  #mustBe(...states: EngineState[]): void {
    if (states.includes(this.state)) return;
    throw new HoldfastError('CONFLICT', `the restore of ${this.descriptor.frozen.volumeId} is ${this.state}`);
  }

  async #readMark(block: number): Promise<MarkReading> {
    const bytes = new Uint8Array(markBytes);
    await this.#deps.target.read(bytes, blockOffset(this.geometry, block));
    return decodeMark(this.#marks, block, bytes);
  }

  #onBatch(count: number): void {
    if (count === 0) return;
    const bytes = count * this.geometry.blockBytes;
    this.#meter.add(bytes);
    this.#sinceCursorBytes += bytes;
    const now = this.#deps.clock.now();
    const isDue = this.#sinceCursorBytes >= (this.#deps.cursorEveryBytes ?? cursorEveryBytesDefault);
    if (!isDue && now - this.#cursorAt < cursorEveryMs) return;
    this.#sinceCursorBytes = 0;
    this.#cursorAt = now;
    this.#settler.storeCursor().catch((thrown: unknown) => this.#noteTrouble(asHoldfastError(thrown), 0));
  }

  async #finish(): Promise<boolean> {
    if (!(await this.#settler.finish())) return false;
    if (this.#state !== 'restoring' && this.#state !== 'paused') return true;
    this.#device = this.#plain;
    this.#state = 'restored';
    this.#ended.resolve('restored');
    return true;
  }

  #noteTrouble(error: HoldfastError, block: number): void {
    this.#lastTrouble = error;
    this.#deps.onTrouble?.(error, block);
  }
}

function makeBarriers(deps: EngineDeps): BarrierOwner {
  return deps.parts?.barriers?.(deps.target) ?? new BarrierOwner(deps.target);
}

async function startWith(deps: EngineDeps, descriptor: Descriptor) {
  const barriers = makeBarriers(deps);
  const p = { store: deps.store, target: deps.target, barriers };
  const starter = deps.parts?.starter?.(p) ?? new Starter(p);
  return { descriptor: await starter.start(descriptor), barriers };
}

function stateOfPhase(phase: RestorePhase, paused: boolean): EngineState {
  if (phase === 'restored' || phase === 'canceled') return phase;
  return paused ? 'paused' : 'restoring';
}

function canceled(snapshotId: string): HoldfastError {
  return new HoldfastError('GONE', `the restore from ${snapshotId} was canceled; the volume is incomplete`, {
    hint: 'restore it again',
  });
}
