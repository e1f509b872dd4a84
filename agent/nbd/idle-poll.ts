/** A client that answers faster than this is worth waiting for awake; twice what a sleeping processor takes to wake up. */
const pollMaxMs = 0.1;

/**
 * Stays awake for a moment after a request: whoever sends one at a time has the next one ready within microseconds, and
 * to fall asleep and be woken takes longer than to answer. Only while the client keeps such a pace, so an idle server
 * sleeps.
 */
export class IdlePoll {
  readonly #nowMs: () => number;
  readonly #setImmediate: (callback: () => void) => void;
  #answeredAtMs = -Infinity;
  #isAwake = false;

  constructor(
    nowMs: () => number = () => performance.now(),
    later: (callback: () => void) => void = setImmediate,
  ) {
    this.#nowMs = nowMs;
    this.#setImmediate = later;
  }

  /** Something has arrived. */
  arrived(): boolean {
    return this.#nowMs() - this.#answeredAtMs < 2 * pollMaxMs;
  }

  /** Everything that had arrived is answered. `isQuick`: it had come soon after the last answer. */
  answered(isQuick: boolean): void {
    this.#answeredAtMs = this.#nowMs();
    if (!isQuick || this.#isAwake) return;
    this.#isAwake = true;
    this.#setImmediate(this.#look);
  }

  readonly #look = (): void => {
    if (this.#nowMs() - this.#answeredAtMs < pollMaxMs) this.#setImmediate(this.#look);
    else this.#isAwake = false;
  };
}
