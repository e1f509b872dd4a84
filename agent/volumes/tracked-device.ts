import type { BlockDevice, Extent, StatusContext } from '../../core/block-device.ts';
import { ChangedGrains } from './changed-grains.ts';
import type { PointInTime } from './point-in-time.ts';

/** Told before and after each change of the content. */
export interface ChangeListener {
  begin(offsetBytes: number, lengthBytes: number): void;
  end(offsetBytes: number, lengthBytes: number): void;
}

/**
 * Remembers what clients change, so that the next snapshot reads only that, and lets a snapshot copy what is about to
 * be overwritten.
 */
export class TrackedDevice implements BlockDevice {
  readonly sizeBytes: number;
  readonly readOnly = false;
  readonly blockSize: BlockDevice['blockSize'];
  readonly #inner: BlockDevice;
  readonly #listener: ChangeListener;
  /** Undefined: unknown, anything may have changed. */
  #changed: ChangedGrains | undefined;
  #pointInTime: PointInTime | undefined;
  readonly #changing = new Set<Promise<void>>();
  #held: Promise<void> | undefined;

  constructor(inner: BlockDevice, changed: ChangedGrains | undefined, listener: ChangeListener) {
    this.#inner = inner;
    this.sizeBytes = inner.sizeBytes;
    this.blockSize = inner.blockSize;
    this.#changed = changed;
    this.#listener = listener;
  }

  get changed(): ChangedGrains | undefined {
    return this.#changed;
  }

  set changed(changed: ChangedGrains | undefined) {
    this.#changed = changed;
  }

  /**
   * Begins a point in time between two changes: those under way are waited for, later ones are copied before they
   * overwrite. Resolves with what changed up to it; from then on changes count towards the next snapshot.
   */
  async begin(pointInTime: PointInTime): Promise<ChangedGrains | undefined> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held = promise;
    try {
      await Promise.allSettled([...this.#changing]);
      const before = this.#changed;
      this.#changed = new ChangedGrains(this.sizeBytes);
      this.#pointInTime = pointInTime;
      return before;
    } finally {
      this.#held = undefined;
      resolve();
    }
  }

  /** Without a snapshot to show for it, what changed before counts again. */
  end(giveBack?: { changed: ChangedGrains | undefined }): void {
    this.#pointInTime = undefined;
    if (!giveBack) return;
    if (giveBack.changed && this.#changed) this.#changed.merge(giveBack.changed);
    else this.#changed = undefined;
  }

  read(into: Uint8Array, offsetBytes: number): Promise<void> {
    return this.#inner.read(into, offsetBytes);
  }

  readNow(into: Uint8Array, offsetBytes: number): boolean {
    return this.#inner.readNow?.(into, offsetBytes) ?? false;
  }

  flush(): Promise<void> {
    return this.#inner.flush();
  }

  write(from: Uint8Array, offsetBytes: number, options?: { fua?: boolean }): Promise<void> {
    return this.#change(offsetBytes, from.length, () => this.#inner.write(from, offsetBytes, options));
  }

  trim(offsetBytes: number, lengthBytes: number, options?: { fua?: boolean }): Promise<void> {
    return this.#change(offsetBytes, lengthBytes, () => this.#inner.trim(offsetBytes, lengthBytes, options));
  }

  writeZeroes(
    offsetBytes: number,
    lengthBytes: number,
    options?: { fua?: boolean; noHole?: boolean },
  ): Promise<void> {
    return this.#change(offsetBytes, lengthBytes, () =>
      this.#inner.writeZeroes(offsetBytes, lengthBytes, options),
    );
  }

  async prefetch(offsetBytes: number, lengthBytes: number): Promise<void> {
    await this.#inner.prefetch?.(offsetBytes, lengthBytes);
  }

  async blockStatus(
    context: StatusContext,
    offsetBytes: number,
    lengthBytes: number,
    maxExtents: number,
  ): Promise<Extent[]> {
    const extents = await this.#inner.blockStatus?.(context, offsetBytes, lengthBytes, maxExtents);
    return extents ?? [{ lengthBytes, flags: 0 }];
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  async #change(offsetBytes: number, lengthBytes: number, change: () => Promise<void>): Promise<void> {
    while (this.#held) await this.#held;
    const changing = this.#perform(offsetBytes, lengthBytes, change);
    this.#changing.add(changing);
    try {
      await changing;
    } finally {
      this.#changing.delete(changing);
    }
  }

  async #perform(offsetBytes: number, lengthBytes: number, change: () => Promise<void>): Promise<void> {
    this.#changed?.add(offsetBytes, lengthBytes);
    this.#listener.begin(offsetBytes, lengthBytes);
    try {
      if (this.#pointInTime) await this.#pointInTime.beforeChange(offsetBytes, lengthBytes);
      await change();
    } finally {
      this.#listener.end(offsetBytes, lengthBytes);
    }
  }
}
