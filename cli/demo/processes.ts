import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '../../core/errors.ts';

/** A program that ran to its end. */
export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Starts real processes, keeps each one's output in a file of its own, and ends whatever still runs. */
export class Processes {
  readonly #running = new Map<ChildProcess, string>();
  readonly #logDir: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor(logDir: string, env: NodeJS.ProcessEnv) {
    this.#logDir = logDir;
    // mke2fs and its like stand where only root looks by default.
    this.#env = {
      ...env,
      HOLDFAST_EXIT_WITH_PARENT: '1',
      PATH: `${env['PATH'] ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`,
    };
  }

  /** A long-lived process whose output goes to `<logDir>/<name>.log`. */
  async start(name: string, program: string, args: string[]): Promise<ChildProcess> {
    await mkdir(this.#logDir, { recursive: true });
    const log = createWriteStream(join(this.#logDir, `${name}.log`), { flags: 'a' });
    const child = spawn(program, args, { env: this.#env, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    this.#running.set(child, name);
    child.once('exit', () => this.#running.delete(child));
    child.once('error', () => this.#running.delete(child));
    return child;
  }

  /** Runs a program to its end; `stdin` is written to it. */
  run(program: string, args: string[], stdin = ''): Promise<Finished> {
    return new Promise((resolve, reject) => {
      const child = spawn(program, args, { env: this.#env, stdio: ['pipe', 'pipe', 'pipe'] });
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      child.once('error', (cause) =>
        reject(
          new HoldfastError('NOT_FOUND', `${program} cannot be started`, {
            hint: 'install it; on Debian mke2fs, debugfs and e2fsck come with e2fsprogs',
            cause,
          }),
        ),
      );
      child.once('close', (code) => resolve({ code, stdout, stderr }));
      child.stdin.on('error', () => undefined);
      child.stdin.end(stdin);
    });
  }

  /** Like `run`, and STEP_FAILED with the program's own words where it fails. Returns what it printed. */
  async must(program: string, args: string[], stdin = ''): Promise<string> {
    const { code, stdout, stderr } = await this.run(program, args, stdin);
    if (code === 0) return stdout;
    const words = (stderr || stdout).trim().split('\n').slice(-3).join(' | ');
    throw new HoldfastError('STEP_FAILED', `${args[0] ?? program} exited with ${code}: ${words}`);
  }

  /** SIGTERM for all, SIGKILL for what is still there after `graceMs`. */
  async stopAll(graceMs = 5_000): Promise<void> {
    const children = [...this.#running.keys()];
    await Promise.all(
      children.map(async (child) => {
        const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
        child.kill('SIGTERM');
        const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
        await gone;
        clearTimeout(timer);
      }),
    );
  }
}

/** Ends a process the hard way and waits until it is gone. */
export async function killHard(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill('SIGKILL');
  await gone;
}

/** Asks again until there is an answer. Throws TIMEOUT that names what was waited for and the last problem. */
export async function until<T>(
  what: string,
  timeoutMs: number,
  ask: () => Promise<T | undefined>,
  everyMs = 100,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let problem: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== undefined) return answer;
    } catch (thrown) {
      problem = thrown;
    }
    if (Date.now() > deadline) {
      const detail = problem instanceof Error ? ` (last: ${problem.message})` : '';
      throw new HoldfastError('TIMEOUT', `${what} did not happen within ${timeoutMs / 1000} s${detail}`);
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
