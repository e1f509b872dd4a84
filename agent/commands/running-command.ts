/** Why a command was told to end. */
export type StopCause = 'canceled' | 'timeout' | 'shutdown';

const reportEveryMs = 2_000;
/** How long a command may take to end once its time is over. */
const overdueMs = 30_000;

/** A command that is being executed: its signal, its time limit, and how often it may report progress. */
export class RunningCommand {
  /** Resolves when it has ended and its result is in the journal. */
  done: Promise<void> = Promise.resolve();
  cause: StopCause | undefined;
  private readonly controller = new AbortController();
  /** Resolves a while after the time ran out, if the command has not ended by then. */
  readonly overdue: Promise<void>;
  private readonly cancelTimers: (() => void)[] = [];
  private reportedAt = -Infinity;

  constructor(timeoutMs: number, setTimer: (run: () => void, delayMs: number) => () => void) {
    const limitMs = Math.min(timeoutMs, 2 ** 31 - 1 - overdueMs);
    this.cancelTimers.push(setTimer(() => this.stop('timeout'), limitMs));
    this.overdue = new Promise((resolve) => {
      this.cancelTimers.push(setTimer(resolve, limitMs + overdueMs));
    });
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** The first cause counts. */
  stop(cause: StopCause): void {
    this.cause ??= cause;
    this.controller.abort(new Error(`command ${this.cause}`));
  }

  mayReport(now: number): boolean {
    if (now - this.reportedAt < reportEveryMs) return false;
    this.reportedAt = now;
    return true;
  }

  end(): void {
    for (const cancel of this.cancelTimers) cancel();
  }
}
