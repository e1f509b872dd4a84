import { asHoldfastError, HoldfastError } from '../../core/errors.ts';
import type { Geometry } from '../../core/restore/geometry.ts';
import { decodeMark, type MarkContext } from '../../core/restore/mark.ts';
import type { BarrierOwner } from './barrier-owner.ts';
import type { BatchRunner, Body } from './batch-runner.ts';
import { WorkItem, type Overlay } from './work-item.ts';

/** A FLUSH waits for at most one batch's barrier; more dirt would make that wait long. */
const batchBytesMax = 8 * 1024 * 1024;
const batchItemsMax = 512;

/** Gets the item's chunk; undefined for a hole. */
export type Load = (item: WorkItem) => Promise<Uint8Array | undefined>;

export interface PersisterDeps {
  geometry: Geometry;
  marks: MarkContext;
  barriers: BarrierOwner;
  runner: BatchRunner;
  /** After each batch, with the number of its blocks that were restored. */
  onBatch: (restoredCount: number) => void;
}

/** Holds what is on its way to the disk and restores it batch by batch, clients' work before the background's. */
export class Persister {
  readonly #deps: PersisterDeps;
  readonly #items = new Map<number, WorkItem>();
  readonly #ready: { demand: WorkItem[]; background: WorkItem[] } = { demand: [], background: [] };
  #running: Promise<void> | undefined;
  #refusal: HoldfastError | undefined;

  constructor(deps: PersisterDeps) {
    this.#deps = deps;
  }

  get(block: number): WorkItem | undefined {
    return this.#items.get(block);
  }

  /** Resolves when what is on its way now has been restored or has failed. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#items.values()].map((item) => item.settled));
  }

  /** Starts to fetch an unrestored block that no item is there for; it is persisted afterwards. */
  fetch(block: number, load: Load, options: { background?: boolean } = {}): WorkItem {
    const item = this.#add(block, options.background ?? false);
    this.#load(item, load);
    return item;
  }

  /**
   * Writes into an unrestored block. Resolves when the block is restored with the bytes in it; undefined where the
   * block's item is taken already: wait for that one and look again.
   */
  write(block: number, overlay: Overlay, load: Load): Promise<void> | undefined {
    const present = this.#items.get(block);
    if (present?.stage === 'taken') return undefined;
    const item = present ?? this.#add(block, false);
    if (present) this.#prefer(present);
    const whole = item.addOverlay(overlay);
    if (whole && item.stage === 'fetching') this.#makeReady(item);
    else if (!item.base && item.stage === 'fetching') this.#load(item, load);
    return item.settled;
  }

  /** Resolves when no batch is being written. */
  async drain(): Promise<void> {
    while (this.#running) await this.#running;
  }

  /** Gives up what has not begun to be written, and takes nothing more. */
  close(error: HoldfastError): void {
    this.#refusal ??= error;
    for (const item of [...this.#items.values()]) if (item.stage !== 'taken') this.#settle(item, error);
    this.#ready.demand = [];
    this.#ready.background = [];
  }

  /** A client waits now for what only the background had asked for. */
  #prefer(item: WorkItem): void {
    if (item.isWaitedFor) return;
    item.isWaitedFor = true;
    if (item.stage !== 'ready') return;
    const { background, demand } = this.#ready;
    background.splice(background.indexOf(item), 1);
    demand.push(item);
  }

  #add(block: number, background: boolean): WorkItem {
    const item = new WorkItem(block, this.#deps.geometry, background);
    this.#items.set(block, item);
    return item;
  }

  #load(item: WorkItem, load: Load): void {
    item.base = load(item);
    item.base.then(
      (chunk) => {
        if (item.stage !== 'fetching' || this.#items.get(item.block) !== item) return;
        item.setChunk(chunk);
        this.#makeReady(item);
      },
      (thrown: unknown) => {
        if (item.stage === 'fetching') this.#settle(item, asHoldfastError(thrown));
      },
    );
  }

  #makeReady(item: WorkItem): void {
    item.stage = 'ready';
    this.#ready[item.isWaitedFor ? 'demand' : 'background'].push(item);
    this.#running ??= this.#run();
  }

  async #run(): Promise<void> {
    // Lets the other segments of the same request join the first batch.
    await Promise.resolve();
    for (let batch = this.#take(); batch.length; batch = this.#take()) {
      const failure = this.#refusal ?? this.#deps.barriers.failure;
      if (failure) for (const item of batch) this.#settle(item, failure);
      else await this.#persist(batch);
    }
    // With nothing awaited since the last look, or what became ready in between would stay where it is.
    this.#running = undefined;
  }

  #take(): WorkItem[] {
    const batch: WorkItem[] = [];
    let bytes = 0;
    for (const queue of [this.#ready.demand, this.#ready.background]) {
      let taken = 0;
      for (const item of queue) {
        if (batch.length >= batchItemsMax || (bytes > 0 && bytes + item.dirtBytes > batchBytesMax)) break;
        bytes += item.dirtBytes;
        item.stage = 'taken';
        batch.push(item);
        taken++;
      }
      queue.splice(0, taken);
    }
    return batch;
  }

  async #persist(batch: WorkItem[]): Promise<void> {
    const bodies = new Map<number, Body>();
    for (const item of batch) {
      const body = item.body();
      const forged = body && decodeMark(this.#deps.marks, item.block, body) !== 'none';
      if (forged) this.#settle(item, forgedMark(item.block));
      else bodies.set(item.block, body);
    }
    if (bodies.size === 0) return;
    try {
      const late = batch.every((item) => item.isLate);
      const failed = await this.#deps.runner.run(bodies, { late });
      this.#deps.onBatch(bodies.size - [...bodies.keys()].filter((block) => failed.has(block)).length);
      for (const item of batch) if (bodies.has(item.block)) this.#settle(item, failed.get(item.block));
    } catch (thrown) {
      const error = this.#deps.barriers.fail(thrown);
      for (const item of batch) this.#settle(item, error);
      this.close(error);
    }
  }

  #settle(item: WorkItem, error?: Error): void {
    if (this.#items.get(item.block) === item) this.#items.delete(item.block);
    if (error) item.reject(error);
    else item.resolve();
  }
}

export function forgedMark(block: number): HoldfastError {
  return new HoldfastError('INVALID_INPUT', `the write would put a restore mark on block ${block}`, {
    hint: 'these 64 bytes would make the block read as unrestored; nobody else can know them, so look for a leak of the restore key',
  });
}
