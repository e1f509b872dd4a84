/** Timers that run when somebody says so; the clock can be pushed ahead of the one that it follows. */
export class VirtualTimers {
  private readonly base: () => number;
  private aheadMs = 0;
  private timers: { at: number; run: () => void }[] = [];

  constructor(base: () => number) {
    this.base = base;
  }

  now = (): number => this.base() + this.aheadMs;

  set = (run: () => void, delayMs: number): (() => void) => {
    const timer = { at: this.now() + delayMs, run };
    this.timers.push(timer);
    return () => void (this.timers = this.timers.filter((other) => other !== timer));
  };

  /** Runs everything that is due, oldest first, and what becomes due by it. */
  runDue(now: number): void {
    for (let next = this.first(); next && next.at <= now; next = this.first()) this.run(next);
  }

  /** Pushes the clock to the next timer and runs it. */
  runNext(): void {
    const next = this.first();
    if (!next) return;
    this.aheadMs += Math.max(0, next.at - this.now());
    this.run(next);
  }

  private first(): { at: number; run: () => void } | undefined {
    return this.timers.reduce<{ at: number; run: () => void } | undefined>(
      (first, timer) => (first && first.at <= timer.at ? first : timer),
      undefined,
    );
  }
  private run(timer: { at: number; run: () => void }): void {
    this.timers = this.timers.filter((other) => other !== timer);
    timer.run();
  }
}
