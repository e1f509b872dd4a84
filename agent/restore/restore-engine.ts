import { asHoldfastError, HoldfastError } from '../../core/errors.ts';
import type { Descriptor, RestorePhase } from '../../core/restore/descriptor.ts';
import { paceAt, type Pace, type PaceState } from '../../core/restore/pace.ts';
import type { BarrierOwner } from './barrier-owner.ts';
import { canceled, notRunning } from './engine-errors.ts';
import { makeBarriers, makeParts, startEngine, type EngineDeps, type EngineParts } from './engine-parts.ts';
import { ProgressMeter } from './progress-meter.ts';
import { SwitchDevice } from './switch-device.ts';

/** The cursor is stored after this much was restored or this time, so that a restart has little to look at again. */
const cursorEveryBytesDefault = 64 * 1024 * 1024;
const cursorEveryMs = 1000;
/** The first chunks take a moment, whatever was promised. */
const lateAfterMs = 1000;

export type EngineState = 'restoring' | 'paused' | 'restored' | 'canceled' | 'failed' | 'closed';

export interface EngineProgress {
  /** 0 … 1 */
  fraction: number;
  restoredBytes: number;
  totalBytes: number;
  bytesPerSec: number;
  /** Unix milliseconds. */
  lastProgressAt: number;
  /** Not there while nothing moves. */
  etaMs?: number;
  /** The rate that was promised, while the background runs. */
  promise?: PaceState;
}

/**
 * A volume that is served while it is restored. What is restored and what is not stands in the volume itself, as
 * marks (docs/restore.md); the descriptor says only which restore this is. Clients use `device`.
 */
export class RestoreEngine {
  readonly device: SwitchDevice;
  readonly #deps: EngineDeps;
  readonly #parts: EngineParts;
  readonly #meter: ProgressMeter;
  readonly #stop = new AbortController();
  readonly #ended = Promise.withResolvers<EngineState>();
  #state: EngineState;
  /** Counted from when the background began to run, in this process. */
  #pace: Pace | undefined;
  #sinceCursorBytes = 0;
  #cursorAt = 0;
  #isStoringCursor = false;
  #lastTrouble: HoldfastError | undefined;

  /** Begins a restore. Resolves when it may be served: after O(1) writes and no fetch. */
  static async begin(deps: EngineDeps, descriptor: Descriptor): Promise<RestoreEngine> {
    return new RestoreEngine(deps, { ...(await startEngine(deps, descriptor)), isFresh: true });
  }

  /** Goes on with a restore from its stored descriptor. */
  static async resume(deps: EngineDeps, descriptor: Descriptor): Promise<RestoreEngine> {
    if (descriptor.moving.phase === 'starting') return RestoreEngine.begin(deps, descriptor);
    return new RestoreEngine(deps, { descriptor, barriers: makeBarriers(deps), isFresh: false });
  }

  private constructor(
    deps: EngineDeps,
    started: { descriptor: Descriptor; barriers: BarrierOwner; isFresh: boolean },
  ) {
    const { frozen, moving } = started.descriptor;
    this.#deps = deps;
    this.#meter = new ProgressMeter(deps.clock);
    const parts = makeParts(deps, started, {
      stop: this.#stop.signal,
      onBatch: (count) => this.#onBatch(count),
      finish: () => this.#finish(),
      onTrouble: (error, block) => this.#noteTrouble(error, block),
      isLate: () => (this.#promise()?.lateMs ?? 0) > lateAfterMs,
    });
    this.#parts = parts;
    this.#state = stateOfPhase(moving.phase, moving.paused);
    this.device = new SwitchDevice(
      frozen.volumeBytes,
      this.#state === 'restored' ? parts.plain : parts.mixed,
    );
    if (this.#state === 'canceled') void this.device.replace(canceled(frozen.snapshotId));
    void parts.barriers.failed.then((failure) => {
      if (this.#state !== 'closed') void this.device.replace(failure);
      this.#ended.resolve('failed');
    });
  }

  get state(): EngineState {
    if (this.#parts.barriers.failure && this.#state !== 'closed') return 'failed';
    return this.#state;
  }

  get descriptor(): Descriptor {
    return this.#parts.keeper.descriptor;
  }

  /** Why the volume has stopped, or what the background last stumbled over. */
  get trouble(): HoldfastError | undefined {
    return this.#parts.barriers.failure ?? this.#lastTrouble;
  }

  /** Starts the background, unless the restore is paused or over. */
  startBackground(): void {
    if (this.#state !== 'restoring') return;
    const { promisedBytesPerSec } = this.descriptor.moving;
    if (promisedBytesPerSec)
      this.#pace ??= {
        bytesPerSec: promisedBytesPerSec,
        fromMs: this.#deps.clock.now(),
        fromBytes: this.#restoredBytes(),
      };
    this.#parts.filler.start();
  }

  /** Throws CONFLICT where no restore is running; so do the next three. */
  async pause(): Promise<void> {
    this.#mustBe('restoring', 'paused');
    const { filler, persister, settler, keeper } = this.#parts;
    this.#state = 'paused';
    this.#pace = undefined;
    await filler.stop();
    // The background may just have come to its end.
    if (this.state !== 'paused') return;
    await persister.drain();
    await settler.storeCursor();
    await keeper.update({ paused: true });
  }

  async resumeBackground(): Promise<void> {
    this.#mustBe('restoring', 'paused');
    await this.#parts.keeper.update({ paused: false });
    this.#state = 'restoring';
    this.startBackground();
  }

  /** From now on, and after a restart. What is on its way is given up, or a lower limit would come late. */
  async limit(bandwidthBytesPerSec: number | undefined): Promise<void> {
    this.#mustBe('restoring', 'paused');
    const { filler, bandwidth, keeper } = this.#parts;
    await filler.stop();
    bandwidth.set(bandwidthBytesPerSec);
    this.startBackground();
    await keeper.update({ bandwidthBytesPerSec });
  }

  /** Keeps to limits that changed outside: what is on its way at the old ones is given up. */
  async restartBackground(): Promise<void> {
    if (this.#state !== 'restoring') return;
    await this.#parts.filler.stop();
    this.startBackground();
  }

  /** Nothing is served any more until the volume is restored again. */
  async cancel(): Promise<void> {
    this.#mustBe('restoring', 'paused');
    this.#state = 'canceled';
    await this.#refuse(canceled(this.descriptor.frozen.snapshotId));
    await this.#parts.keeper.update({ phase: 'canceled' });
    this.#ended.resolve('canceled');
  }

  /** Resolves when the restore is over: restored, canceled, failed or closed. */
  async ended(): Promise<EngineState> {
    return this.state === 'restored' ? 'restored' : this.#ended.promise;
  }

  progress(): EngineProgress {
    const { volumeBytes, tree } = this.#parts.geometry;
    const restoredBytes = this.#restoredBytes();
    const bytesPerSec = this.#state === 'restored' ? 0 : this.#meter.bytesPerSec();
    const leftBytes = volumeBytes - restoredBytes;
    const promise = this.#promise();
    return {
      fraction: this.#restoredCount() / tree.blockCount,
      restoredBytes,
      totalBytes: volumeBytes,
      bytesPerSec,
      lastProgressAt: this.#meter.lastProgressAt,
      ...(bytesPerSec > 0 && { etaMs: Math.ceil((leftBytes / bytesPerSec) * 1000) }),
      ...(promise && { promise }),
    };
  }

  #restoredCount(): number {
    const { states, geometry } = this.#parts;
    return this.#state === 'restored' ? geometry.tree.blockCount : states.restoredCount;
  }

  #restoredBytes(): number {
    const { blockBytes, volumeBytes } = this.#parts.geometry;
    return Math.min(this.#restoredCount() * blockBytes, volumeBytes);
  }

  #promise(): PaceState | undefined {
    if (!this.#pace || this.#state !== 'restoring') return undefined;
    const restored = { restoredBytes: this.#restoredBytes(), totalBytes: this.#parts.geometry.volumeBytes };
    return paceAt(this.#pace, { atMs: this.#deps.clock.now(), ...restored });
  }

  /** Stops the background, makes what was done durable where the disk still works, and lets go of the target. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    const wasRunning = this.#state === 'restoring' || this.#state === 'paused';
    await this.#refuse(new HoldfastError('UNAVAILABLE', 'the volume is being closed'));
    if (wasRunning && !this.#parts.barriers.failure) await this.#storeCursor();
    this.#state = 'closed';
    this.#ended.resolve('closed');
    await this.#deps.target.close();
  }

  /** Ends what is under way; requests that wait for S3 fail with the error. */
  async #refuse(error: HoldfastError): Promise<void> {
    const { filler, persister } = this.#parts;
    const drained = this.device.replace(error);
    this.#stop.abort(error);
    await filler.stop();
    persister.close(error);
    await persister.drain();
    await drained;
  }

  #mustBe(...states: EngineState[]): void {
    if (states.includes(this.state)) return;
    throw notRunning(this.descriptor.frozen.volumeId, this.state);
  }

  #onBatch(count: number): void {
    if (count === 0) return;
    const bytes = count * this.#parts.geometry.blockBytes;
    this.#meter.add(bytes);
    this.#sinceCursorBytes += bytes;
    const isDue = this.#sinceCursorBytes >= (this.#deps.cursorEveryBytes ?? cursorEveryBytesDefault);
    const isLate = this.#deps.clock.now() - this.#cursorAt >= cursorEveryMs;
    if ((isDue || isLate) && !this.#isStoringCursor) void this.#storeCursor();
  }

  async #storeCursor(): Promise<void> {
    this.#isStoringCursor = true;
    this.#sinceCursorBytes = 0;
    try {
      if (await this.#parts.settler.storeCursor()) this.#cursorAt = this.#deps.clock.now();
    } catch (thrown) {
      this.#noteTrouble(asHoldfastError(thrown), 0);
    } finally {
      this.#isStoringCursor = false;
    }
  }

  async #finish(): Promise<boolean> {
    if (!(await this.#parts.settler.finish())) return false;
    if (this.#state !== 'restoring' && this.#state !== 'paused') return true;
    void this.device.replace(this.#parts.plain);
    this.#state = 'restored';
    this.#ended.resolve('restored');
    return true;
  }

  #noteTrouble(error: HoldfastError, block: number): void {
    this.#lastTrouble = error;
    this.#deps.onTrouble?.(error, block);
  }
}

function stateOfPhase(phase: RestorePhase, paused: boolean): EngineState {
  if (phase === 'restored' || phase === 'canceled') return phase;
  return paused ? 'paused' : 'restoring';
}
