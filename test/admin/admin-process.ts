import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const running = new Set<ChildProcess>();

/** The real `holdfast admin …` in a process of its own; its JSON log is read line by line. */
export class AdminProcess {
  readonly child: ChildProcess;
  readonly lines: string[] = [];
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  errors = '';
  readonly #wake = new Set<() => void>();

  constructor(args: readonly string[], env: Record<string, string | undefined>) {
    this.child = spawn(process.execPath, ['bin/holdfast.ts', 'admin', ...args], {
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(this.child);
    this.child.stderr!.setEncoding('utf8').on('data', (part: string) => (this.errors += part));
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      this.lines.push(line);
      for (const each of this.#wake) each();
    });
    this.ended = once(this.child, 'close').then(([code, signal]) => {
      running.delete(this.child);
      for (const each of this.#wake) each();
      return (code ?? signal) as number | string;
    });
  }

  /** Resolves with the first line of the log that has the event. Throws when the process ends before. */
  async until(event: string): Promise<Record<string, unknown>> {
    let exit: number | string | undefined;
    void this.ended.then((code) => (exit = code));
    for (;;) {
      const found = this.lines.find((line) => line.includes(`"event":"${event}"`));
      if (found) return JSON.parse(found) as Record<string, unknown>;
      if (exit !== undefined)
        throw new Error(`exit ${exit} before ${event}: ${this.lines.join('\n')}${this.errors}`);
      await new Promise<void>((resolve) => {
        const wake = () => (this.#wake.delete(wake), resolve());
        this.#wake.add(wake);
        void this.ended.then(wake);
      });
    }
  }

  kill(signal: NodeJS.Signals): Promise<number | string> {
    this.child.kill(signal);
    return this.ended;
  }
}

afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
});
