import { HoldfastError } from '../../../core/errors.ts';
import type { Faults } from './faults.ts';
import type { Scheduler } from './scheduler.ts';
import type { Tally } from './tally.ts';

/** One run of a function: once it is over or killed, nothing that it waits for comes back to it. */
export interface Run {
  readonly name: string;
  readonly startedAt: number;
  /** When the first of the runs that led to this one began: a run works with what that one had read. */
  readonly knowsSince: number;
  /** The connection whose frame it handles, and the gateway's id. */
  readonly connectionId: string | undefined;
  readonly gatewayId: string | undefined;
  /** Called when it fails or is killed. */
  readonly failed: (why: unknown) => void;
  isKilled: boolean;
}

/** What all runs of functions have in common: their time, their faults, their count. */
export class Runs {
  faults: Faults;
  readonly #scheduler: Scheduler;
  readonly #tally: Tally;
  /** Mean time of a call. */
  readonly #callMs: number;
  #count = 0;

  constructor(scheduler: Scheduler, tally: Tally, faults: Faults, callMs: number) {
    this.#scheduler = scheduler;
    this.#tally = tally;
    this.faults = faults;
    this.#callMs = callMs;
  }

  /** Begins a run; `failed` hears of it if it fails or is killed. */
  begin(
    name: string,
    work: (run: Run) => Promise<void>,
    by: {
      caller?: Run;
      connection?: { id: string; gatewayId: string };
      failed?: (why: unknown) => void;
    } = {},
  ): void {
    const { nowMs } = this.#scheduler;
    const run: Run = {
      name: `${name}#${++this.#count}`,
      startedAt: nowMs,
      knowsSince: by.caller?.knowsSince ?? nowMs,
      connectionId: by.connection?.id,
      gatewayId: by.connection?.gatewayId,
      isKilled: false,
      failed: by.failed ?? (() => undefined),
    };
    work(run).catch((thrown: unknown) => {
      this.#scheduler.note(`${run.name} failed: ${String(thrown)}`);
      if (!(thrown instanceof HoldfastError))
        this.#tally.fail('unexpected', `${run.name}: ${String(thrown)}`);
      run.failed(thrown);
    });
  }

  /** A call that the run makes of something outside it: it takes time, may fail, and may be the run's last. */
  call<T>(run: Run, label: string, work: () => Promise<T>, canFail: boolean): Promise<T> {
    const { faults } = this;
    const scheduler = this.#scheduler;
    return new Promise<T>((resolve, reject) => {
      const slowMs = scheduler.chance(faults.slowCall) ? scheduler.between(1_000, 25_000) : 0;
      scheduler.after(scheduler.spread(this.#callMs) + slowMs, '', () => {
        if (run.isKilled) return;
        if (scheduler.nowMs - run.startedAt > functionTimeoutMs)
          return this.#kill(run, `timed out at ${label}`);
        const crashes = scheduler.chance(faults.crash);
        if (crashes && scheduler.chance(0.5)) return this.#kill(run, `killed before ${label}`);
        const fails = canFail && scheduler.chance(faults.failedCall);
        if (fails && scheduler.chance(0.5)) return reject(unavailable(label));
        scheduler.note(`${run.name} ${label}`);
        const settle = (settled: () => void): void => {
          if (run.isKilled) return;
          if (crashes) return this.#kill(run, `killed after ${label}`);
          if (fails) return reject(unavailable(label));
          settled();
        };
        work().then(
          (value) => settle(() => resolve(value)),
          (error: Error) => settle(() => reject(error)),
        );
      });
    });
  }

  /** Every method of `target` becomes such a call. */
  over<T extends object>(run: Run, name: string, target: T, { canFail = true } = {}): T {
    const calls = Object.entries(target).map(([method, of]) => [
      method,
      (...args: unknown[]) =>
        this.call(
          run,
          `${name}.${method}`,
          () => (of as (...a: unknown[]) => Promise<unknown>)(...args),
          canFail,
        ),
    ]);
    return Object.fromEntries(calls) as T;
  }

  #kill(run: Run, how: string): void {
    run.isKilled = true;
    this.#tally.functionsKilled++;
    this.#scheduler.note(`${run.name} ${how}`);
    run.failed(new HoldfastError('INTERNAL', `${run.name} ${how}`));
  }
}

/** Functions that serve people and gateways are ended after it (lib/). */
const functionTimeoutMs = 20_000;

const unavailable = (label: string) => new HoldfastError('UNAVAILABLE', `${label}: the store did not answer`);
