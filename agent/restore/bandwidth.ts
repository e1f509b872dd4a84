import type { Clock } from './target-disk.ts';

/**
 * Limits the background; what clients ask for is exempt. Fetchers wait until it is `ready` and then `spend` what they
 * fetched, so that several volumes which share one get equal shares: all wake at the same moment and each spends one
 * run.
 */
export class Bandwidth {
  readonly #clock: Clock;
  #bytesPerSec: number | undefined;
  #freeAt = 0;

  constructor(clock: Clock, bytesPerSec?: number) {
    this.#clock = clock;
    this.#bytesPerSec = bytesPerSec;
  }

  get bytesPerSec(): number | undefined {
    return this.#bytesPerSec;
  }

  /** Undefined: no limit. Who waits already is not woken: stop it first. */
  set(bytesPerSec: number | undefined): void {
    this.#bytesPerSec = bytesPerSec;
    this.#freeAt = 0;
  }

  async ready(signal?: AbortSignal): Promise<void> {
    for (let waitMs = this.#waitMs(); waitMs > 0; waitMs = this.#waitMs())
      await this.#clock.sleep(waitMs, signal);
  }

  spend(bytes: number): void {
    if (!this.#bytesPerSec) return;
    // Unused time is not saved up: a burst after a pause would not be the limit any more.
    this.#freeAt = Math.max(this.#freeAt, this.#clock.now()) + (bytes / this.#bytesPerSec) * 1000;
  }

  #waitMs(): number {
    return this.#bytesPerSec ? Math.ceil(this.#freeAt - this.#clock.now()) : 0;
  }
}
