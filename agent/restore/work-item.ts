import { storedBytes, visibleBytes, type Geometry } from '../../core/restore/geometry.ts';
import type { Body } from './batch-runner.ts';

/** Bytes that a client writes into an unrestored block; undefined for zeroes. */
export interface Overlay {
  offset: number;
  length: number;
  bytes: Uint8Array | undefined;
}

/**
 * One block on its way to being restored: the chunk being fetched, and what clients write over it. There is one item
 * a block at most. Once taken by a batch, later writes wait for it to settle.
 */
export class WorkItem {
  readonly block: number;
  readonly geometry: Geometry;
  readonly background: boolean;
  /** The chunk (undefined: a hole), where it is fetched at all. */
  base: Promise<Uint8Array | undefined> | undefined;
  /** It comes before what only the background asks for. */
  isWaitedFor: boolean;
  stage: 'fetching' | 'ready' | 'taken' = 'fetching';
  /** Resolves when the block is restored; never an unhandled rejection. */
  readonly settled: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
  #chunk: Uint8Array | undefined;
  #overlays: Overlay[] = [];

  constructor(block: number, geometry: Geometry, background: boolean) {
    this.block = block;
    this.geometry = geometry;
    this.background = background;
    this.isWaitedFor = !background;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.settled = promise;
    this.resolve = resolve;
    this.reject = reject;
    promise.catch(() => undefined);
  }

  /** No client waits for it to be on the disk: reads are answered before. */
  get isLate(): boolean {
    return this.#overlays.length === 0;
  }

  /**
   * The chunk's memory is used again when the item is settled: on the disk or given up, so that no write has its bytes
   * any more. A client's read that was about to copy them has done so by the end of the turn.
   */
  releaseWhenSettled(release: () => void): void {
    const later = (): void => void setImmediate(release);
    void this.settled.then(later, later);
  }

  setChunk(chunk: Uint8Array | undefined): void {
    this.#chunk = chunk;
  }

  /** True where the overlay covers the whole block, so that no chunk is needed any more. */
  addOverlay(overlay: Overlay): boolean {
    const whole = overlay.offset === 0 && overlay.length === visibleBytes(this.geometry, this.block);
    if (whole) this.#overlays = [];
    this.#overlays.push(overlay);
    return whole;
  }

  /** Bytes that a batch with this item makes dirty, about. */
  get dirtBytes(): number {
    const first = this.#overlays[0];
    const zero = first
      ? first.length === visibleBytes(this.geometry, this.block) && !first.bytes
      : !this.#chunk;
    return zero && this.#overlays.length < 2 ? 4096 : storedBytes(this.geometry, this.block);
  }

  /** The block as it will be on the disk; copies only where something has to be merged. */
  body(): Body {
    const stored = storedBytes(this.geometry, this.block);
    const visible = visibleBytes(this.geometry, this.block);
    const [first, ...others] = this.#overlays;
    const firstIsWhole = first !== undefined && first.offset === 0 && first.length === visible;
    const base = firstIsWhole ? first.bytes : this.#chunk;
    const merges = firstIsWhole ? others : this.#overlays;
    if (merges.length === 0 && (base === undefined || base.length === stored)) return base;
    const body = Buffer.alloc(stored);
    if (base) body.set(base.subarray(0, visible));
    for (const overlay of merges) {
      if (overlay.bytes) body.set(overlay.bytes, overlay.offset);
      else body.fill(0, overlay.offset, overlay.offset + overlay.length);
    }
    return body;
  }
}
