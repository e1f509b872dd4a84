import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../../agent/restore/target-disk.ts';
import type { Random } from './random.ts';

/** Every asynchronous thing of a simulation waits here; the seed decides which goes on next. */
export class Scheduler {
  readonly #random: Random;
  #waiting: { session: Session; go: () => void }[] = [];
  nowMs = 1_000_000;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Resolves when the seed says so; never, once the session is dead. */
  wait(session: Session): Promise<void> {
    return new Promise((go) => {
      if (!session.isDead) this.#waiting.push({ session, go });
    });
  }

  kill(session: Session): void {
    session.isDead = true;
    this.#waiting = this.#waiting.filter((one) => one.session !== session);
  }

  /** Lets one thing go on and everything that follows from it happen. False where nothing waits. */
  async step(): Promise<boolean> {
    await setImmediate();
    if (this.#waiting.length === 0) return false;
    const index = this.#random.below(this.#waiting.length);
    const [chosen] = this.#waiting.splice(index, 1);
    this.nowMs += 1;
    chosen?.go();
    await setImmediate();
    return true;
  }

  clock(session: Session): Clock {
    return {
      now: () => this.nowMs,
      sleep: async (ms, signal) => {
        signal?.throwIfAborted();
        const aborted = new Promise<never>((_, reject) =>
          signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true }),
        );
        aborted.catch(() => undefined);
        await Promise.race([this.wait(session), aborted]);
        this.nowMs += ms;
      },
    };
  }
}

/** One life of the process. What a dead one waits for never happens. */
export interface Session {
  isDead: boolean;
}
