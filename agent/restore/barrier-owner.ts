import { asHoldfastError, HoldfastError } from '../../core/errors.ts';
import type { TargetDisk } from './target-disk.ts';

/**
 * The one place where a volume's barriers are issued. Callers that arrive while a barrier runs never join it: their
 * writes may have returned after it began. They share the next one.
 *
 * A failed barrier is final. Linux reports the lost writes once; the next fdatasync would succeed, with the data gone.
 */
export class BarrierOwner {
  readonly #target: TargetDisk;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #failure: HoldfastError | undefined;
  readonly #failed = Promise.withResolvers<HoldfastError>();

  constructor(target: TargetDisk) {
    this.#target = target;
    void target.lost?.then((error) => this.fail(error));
  }

  /** Why the volume has stopped for good, until it is opened again. */
  get failure(): HoldfastError | undefined {
    return this.#failure;
  }

  /** Resolves when the volume has stopped. */
  get failed(): Promise<HoldfastError> {
    return this.#failed.promise;
  }

  /** Stops the volume for a reason other than a barrier. */
  fail(thrown: unknown): HoldfastError {
    this.#failure ??= stopped(thrown);
    this.#failed.resolve(this.#failure);
    return this.#failure;
  }

  /** Resolves when a barrier that began after this call has succeeded. */
  barrier(): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    this.#next ??= this.#queue();
    return this.#next;
  }

  /** For clients: FLUSH and FUA. */
  flush(): Promise<void> {
    return this.barrier();
  }

  async #queue(): Promise<void> {
    await this.#running?.catch(() => undefined);
    this.#next = undefined;
    if (this.#failure) throw this.#failure;
    this.#running = this.sync(this.#target);
    try {
      await this.#running;
    } catch (thrown) {
      throw this.fail(thrown);
    }
    // A head or an acknowledgement must not slip out behind a failure that happened elsewhere meanwhile.
    if (this.#failure) throw this.#failure;
  }

  protected sync(target: TargetDisk): Promise<void> {
    return target.barrier();
  }
}

function stopped(thrown: unknown): HoldfastError {
  const cause = asHoldfastError(thrown);
  const code = cause.code === 'NO_SPACE' ? 'NO_SPACE' : 'IO';
  return new HoldfastError(code, `the disk failed and the volume has stopped: ${cause.message}`, {
    cause,
    hint:
      cause.hint ??
      'look at the disk; the volume is served again after a restart, with what had been flushed',
  });
}
