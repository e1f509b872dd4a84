import type { Clock } from './target-disk.ts';

const windowMs = 10_000;
const samplesMax = 64;

/** Rate over the last ten seconds, and when something was restored last. */
export class ProgressMeter {
  readonly #clock: Clock;
  #samples: { at: number; bytes: number }[] = [];
  #lastProgressAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lastProgressAt = clock.now();
    this.#samples.push({ at: this.#lastProgressAt, bytes: 0 });
  }

  get lastProgressAt(): number {
    return this.#lastProgressAt;
  }

  add(bytes: number): void {
    const at = this.#clock.now();
    this.#lastProgressAt = at;
    const last = this.#samples.at(-1);
    const total = (last?.bytes ?? 0) + bytes;
    if (last && this.#samples.length > 1 && at - last.at < windowMs / samplesMax) last.bytes = total;
    else this.#samples.push({ at, bytes: total });
    while (this.#samples.length > 2 && (this.#samples[1]?.at ?? at) < at - windowMs) this.#samples.shift();
  }

  bytesPerSec(): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last) return 0;
    const now = this.#clock.now();
    if (now - last.at > windowMs) return 0;
    const seconds = Math.max(now - first.at, 1) / 1000;
    return Math.round((last.bytes - first.bytes) / seconds);
  }
}
