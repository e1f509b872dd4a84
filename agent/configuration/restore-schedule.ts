import type { Configuration } from '../../core/configuration/configuration.ts';
import { bandwidthAt } from '../../core/configuration/windows.ts';

export interface RestoreScheduleDeps {
  /** Server's clock, Unix ms: a host whose own is wrong keeps the hours all the same. */
  serverTime: () => number;
  setTimer: (run: () => void, delayMs: number) => () => void;
  /** Of all restores' backgrounds that have no limit of their own; undefined: none. */
  limit: (bytesPerSec: number | undefined) => void;
}

const minuteMs = 60_000;

/** Keeps restores' bandwidth as the configuration's windows have it; looked at each minute, as windows are cut. */
export class RestoreSchedule {
  readonly #deps: RestoreScheduleDeps;
  #configuration: Configuration = {};
  #cancel: (() => void) | undefined;

  constructor(deps: RestoreScheduleDeps) {
    this.#deps = deps;
  }

  follow(configuration: Configuration): void {
    this.#configuration = configuration;
    this.#look();
  }

  get bytesPerSec(): number | undefined {
    return bandwidthAt(this.#configuration, this.#deps.serverTime());
  }

  stop(): void {
    this.#cancel?.();
  }

  #look(): void {
    const { serverTime, setTimer, limit } = this.#deps;
    this.#cancel?.();
    limit(this.bytesPerSec);
    if (!this.#configuration.restoreBandwidth) return;
    this.#cancel = setTimer(() => this.#look(), minuteMs - (serverTime() % minuteMs));
  }
}
