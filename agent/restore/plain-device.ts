import type { BlockDevice } from '../../core/block-device.ts';
import { BarrierOwner } from './barrier-owner.ts';
import type { TargetDisk } from './target-disk.ts';

const requestBytesMax = 32 * 1024 * 1024;

/** A disk served as it is: what a healthy volume is, and a restored one from the moment it is complete. */
export class PlainDevice implements BlockDevice {
  readonly sizeBytes: number;
  readonly readOnly = false;
  readonly blockSize = { minBytes: 1, preferredBytes: 4096, maxBytes: requestBytesMax };
  readonly #target: TargetDisk;
  readonly #barriers: BarrierOwner;

  constructor(target: TargetDisk, sizeBytes: number, barriers = new BarrierOwner(target)) {
    this.#target = target;
    this.sizeBytes = sizeBytes;
    this.#barriers = barriers;
  }

  async read(into: Uint8Array, offsetBytes: number): Promise<void> {
    this.#check();
    await this.#target.read(into, offsetBytes);
  }

  readNow(into: Uint8Array, offsetBytes: number): boolean {
    return !this.#barriers.failure && (this.#target.readNow?.(into, offsetBytes) ?? false);
  }

  async write(from: Uint8Array, offsetBytes: number, options?: { fua?: boolean }): Promise<void> {
    this.#check();
    await this.#target.write([from], offsetBytes);
    await this.#end(options);
  }

  flush(): Promise<void> {
    return this.#barriers.flush();
  }

  trim(offsetBytes: number, lengthBytes: number, options?: { fua?: boolean }): Promise<void> {
    return this.writeZeroes(offsetBytes, lengthBytes, options);
  }

  async writeZeroes(
    offsetBytes: number,
    lengthBytes: number,
    options?: { fua?: boolean; noHole?: boolean },
  ): Promise<void> {
    this.#check();
    await this.#target.zero(offsetBytes, lengthBytes, { noHole: options?.noHole });
    await this.#end(options);
  }

  close(): Promise<void> {
    return this.#target.close();
  }

  /** Nothing is acknowledged after a barrier has failed. */
  #check(): void {
    if (this.#barriers.failure) throw this.#barriers.failure;
  }

  async #end(options: { fua?: boolean } | undefined): Promise<void> {
    if (options?.fua) await this.#barriers.flush();
    else this.#check();
  }
}
