import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** What a child answers: its functions by name, arguments and results as JSON. */
export type Answers = Record<string, (...args: never[]) => unknown>;

interface Question {
  id: number;
  name: string;
  args: unknown[];
}
interface Reply {
  id: number;
  result?: unknown;
  error?: string;
}

type Asked<A extends Answers, N extends keyof A> = Promise<Awaited<ReturnType<A[N]>>>;

/** A child process that is asked over its IPC channel. */
export class Child<A extends Answers> {
  readonly process: ChildProcess;
  readonly #pending = new Map<number, { resolve: (result: never) => void; reject: (error: Error) => void }>();
  #count = 0;

  /** `file`: a module that calls `answer`. Its standard output goes nowhere, its errors to ours. */
  constructor(file: URL, args: readonly string[] = [], execArgv: readonly string[] = []) {
    this.process = fork(file, args, {
      execArgv: ['--disable-warning=ExperimentalWarning', ...execArgv],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.process.on('message', ({ id, result, error }: Reply) => {
      const pending = this.#pending.get(id);
      this.#pending.delete(id);
      if (error === undefined) pending?.resolve(result as never);
      else pending?.reject(new Error(error));
    });
    this.process.once('exit', (code, signal) => {
      const gone = new Error(`the server ended with ${signal ?? code}`);
      for (const { reject } of this.#pending.values()) reject(gone);
      this.#pending.clear();
    });
  }

  ask<N extends keyof A & string>(name: N, ...args: Parameters<A[N]>): Asked<A, N> {
    const id = ++this.#count;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (result: never) => void, reject });
      if (!this.process.connected) reject(new Error('the server has ended'));
      else this.process.send({ id, name, args } satisfies Question);
    });
  }

  /** Lets it end by itself, so that profiles get written. */
  async end(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const gone = once(this.process, 'exit');
    this.process.disconnect();
    await gone;
  }
}

/** In the child: answers its parent's questions, and calls `close` once the parent has hung up. */
export function answer(answers: Answers, close: () => Promise<void>): void {
  process.on('message', ({ id, name, args }: Question) => {
    const reply = (message: Omit<Reply, 'id'>) => process.connected && process.send?.({ id, ...message });
    Promise.resolve()
      .then(() => answers[name]?.(...(args as never[])))
      .then(
        (result) => reply({ result }),
        (thrown: unknown) => reply({ error: String(thrown) }),
      );
  });
  process.once('disconnect', () => void close().finally(() => process.exit(0)));
}
