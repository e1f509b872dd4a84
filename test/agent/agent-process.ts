import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../bin/holdfast-agent.ts', import.meta.url));
const running = new Set<ChildProcess>();

export interface LogLine {
  event: string;
  level: string;
  [field: string]: unknown;
}

/** A real agent in a process of its own; its log is read line by line. */
export class AgentProcess {
  readonly lines: LogLine[] = [];
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  readonly child: ChildProcess;
  private readonly waiters = new Set<() => void>();
  private hasEnded = false;

  constructor(stateDir: string, args: string[] = [], env: Record<string, string> = {}) {
    const all = ['run', '--state-dir', stateDir, '--log', 'json', '--log-level', 'debug', ...args];
    this.child = spawn(process.execPath, [program, ...all], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    running.add(this.child);
    let rest = '';
    this.child.stderr!.setEncoding('utf8').on('data', (part: string) => {
      const lines = (rest + part).split('\n');
      rest = lines.pop()!;
      for (const line of lines) this.lines.push(parsed(line));
      this.wake();
    });
    this.ended = new Promise((resolve) =>
      this.child.once('close', (code, signal) => {
        running.delete(this.child);
        this.hasEnded = true;
        this.wake();
        resolve(code ?? signal ?? 'unknown');
      }),
    );
  }

  /** The first line with this event that has the fields. Throws when the process ends before. */
  async until(event: string, fields: Record<string, unknown> = {}, limitMs = 30_000): Promise<LogLine> {
    const end = Date.now() + limitMs;
    const matches = (line: LogLine) =>
      line.event === event && Object.entries(fields).every(([name, value]) => line[name] === value);
    for (;;) {
      const found = this.lines.find(matches);
      if (found) return found;
      const left = end - Date.now();
      if (this.hasEnded || left <= 0)
        throw new Error(
          `no ${event} ${JSON.stringify(fields)} in:\n${this.lines.map((line) => JSON.stringify(line)).join('\n')}`,
        );
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => this.waiters.delete(resolve) && resolve(), left);
        this.waiters.add(() => (clearTimeout(timer), resolve()));
      });
    }
  }

  kill(signal: NodeJS.Signals): Promise<number | string> {
    this.child.kill(signal);
    return this.ended;
  }

  private wake(): void {
    for (const waiter of [...this.waiters]) waiter();
    this.waiters.clear();
  }
}

function parsed(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { event: 'not-json', level: 'error', line };
  }
}

afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
});
