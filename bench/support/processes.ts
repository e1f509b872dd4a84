import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';

export interface Finished {
  stdout: string;
  /** From start to exit. */
  ms: number;
}

export interface RunOptions {
  env?: NodeJS.ProcessEnv;
  /** Ends the program. */
  signal?: AbortSignal;
}

/** Runs a program to its end. Throws with its last words where it fails. */
export async function run(program: string, args: string[], options: RunOptions = {}): Promise<Finished> {
  const startedAt = performance.now();
  const child = spawn(program, args, { env: options.env ?? process.env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (part: Buffer) => (stdout += part.toString()));
  child.stderr.on('data', (part: Buffer) => (stderr += part.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  const ms = performance.now() - startedAt;
  if (code !== 0)
    throw new Error(`${program} ${args.join(' ')} exited with ${code}: ${(stderr || stdout).slice(-500)}`);
  return { stdout, ms };
}

/** A server that runs until it is stopped. */
export class Server {
  readonly child: ChildProcess;
  readonly name: string;
  #words = '';

  /** `isAsked`: it reads what is written to its standard input. */
  constructor(
    name: string,
    program: string,
    args: string[],
    env: NodeJS.ProcessEnv = process.env,
    isAsked = false,
  ) {
    this.name = name;
    this.child = spawn(program, args, { env, stdio: [isAsked ? 'pipe' : 'ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout, this.child.stderr])
      stream?.on('data', (part: Buffer) => (this.#words = (this.#words + part.toString()).slice(-2000)));
  }

  /** Of the server and all of its threads, in seconds. */
  cpuSec(): number {
    return cpuSecOf(this.child.pid ?? 0);
  }

  /** Resolves when something listens on the Unix socket. */
  async listening(socketPath: string): Promise<this> {
    for (;;) {
      if (this.child.exitCode !== null)
        throw new Error(`${this.name} exited with ${this.child.exitCode}: ${this.#words}`);
      const socket = connect(socketPath);
      const isUp = await new Promise<boolean>((resolve) => {
        socket.once('connect', () => resolve(true));
        socket.once('error', () => resolve(false));
      });
      socket.destroy();
      if (isUp) return this;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.kill(signal);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 5_000);
    await gone;
    clearTimeout(timer);
  }
}

/** What a process and all of its threads have used up, in seconds. */
export function cpuSecOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

export function rssBytesOf(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib ?? 0) * 1024;
}
