import type { BlockDevice, Extent, StatusContext } from '../../core/block-device.ts';
import { HoldfastError } from '../../core/errors.ts';

/**
 * What clients hold on to while what is behind it changes: restoring, complete, lost. Requests to the old device are
 * over before it is let go.
 */
export class SwitchDevice implements BlockDevice {
  readonly sizeBytes: number;
  readonly readOnly = false;
  readonly blockSize = { minBytes: 1, preferredBytes: 4096, maxBytes: 32 * 1024 * 1024 };
  #inner: BlockDevice | HoldfastError;
  #inFlight = new Set<Promise<unknown>>();
  /** Told about failed requests, so that a lost disk is looked at now and not at the next check. */
  onError: ((error: unknown) => void) | undefined;
  /** Told about clients' reads. */
  onRead: ((offsetBytes: number, lengthBytes: number) => void) | undefined;
  /** For reads that are no client's. */
  readonly unnoticed: Pick<BlockDevice, 'sizeBytes' | 'read' | 'blockStatus'>;

  constructor(sizeBytes: number, inner: BlockDevice | HoldfastError) {
    this.sizeBytes = sizeBytes;
    this.#inner = inner;
    const read: BlockDevice['read'] = (into, offset) => this.#pass((device) => device.read(into, offset));
    this.unnoticed = { sizeBytes, read, blockStatus: (...asked) => this.blockStatus(...asked) };
  }

  /** From now on requests go to `inner`, or fail with that error. Resolves when none is in the old device. */
  async replace(inner: BlockDevice | HoldfastError): Promise<void> {
    this.#inner = inner;
    await Promise.allSettled([...this.#inFlight]);
  }

  read(into: Uint8Array, offsetBytes: number): Promise<void> {
    this.onRead?.(offsetBytes, into.length);
    return this.#pass((device) => device.read(into, offsetBytes));
  }

  readNow(into: Uint8Array, offsetBytes: number): boolean {
    const inner = this.#inner;
    if (inner instanceof HoldfastError || !inner.readNow?.(into, offsetBytes)) return false;
    this.onRead?.(offsetBytes, into.length);
    return true;
  }

  write(from: Uint8Array, offsetBytes: number, options?: { fua?: boolean }): Promise<void> {
    return this.#pass((device) => device.write(from, offsetBytes, options));
  }

  flush(): Promise<void> {
    return this.#pass((device) => device.flush());
  }

  trim(offsetBytes: number, lengthBytes: number, options?: { fua?: boolean }): Promise<void> {
    return this.#pass((device) => device.trim(offsetBytes, lengthBytes, options));
  }

  writeZeroes(
    offsetBytes: number,
    lengthBytes: number,
    options?: { fua?: boolean; noHole?: boolean },
  ): Promise<void> {
    return this.#pass((device) => device.writeZeroes(offsetBytes, lengthBytes, options));
  }

  prefetch(offsetBytes: number, lengthBytes: number): Promise<void> {
    return this.#pass(async (device) => device.prefetch?.(offsetBytes, lengthBytes));
  }

  blockStatus(
    context: StatusContext,
    offsetBytes: number,
    lengthBytes: number,
    maxExtents: number,
  ): Promise<Extent[]> {
    return this.#pass(
      async (device) =>
        (await device.blockStatus?.(context, offsetBytes, lengthBytes, maxExtents)) ?? [
          { lengthBytes, flags: 0 },
        ],
    );
  }

  /** Its owner closes what is behind it. */
  close(): Promise<void> {
    return this.replace(new HoldfastError('UNAVAILABLE', 'the volume is closed'));
  }

  async #pass<T>(request: (device: BlockDevice) => Promise<T>): Promise<T> {
    const inner = this.#inner;
    if (inner instanceof HoldfastError) throw inner;
    const running = request(inner);
    this.#inFlight.add(running);
    try {
      return await running;
    } catch (thrown) {
      this.onError?.(thrown);
      throw thrown;
    } finally {
      this.#inFlight.delete(running);
    }
  }
}
