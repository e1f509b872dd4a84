import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import type { FunctionFailure, Invocation, WorkerReply, WorkerSetup } from './messages.ts';

export type Outcome =
  { readonly ok: true; readonly payload: string } | { readonly ok: false; readonly error: FunctionFailure };

export interface PoolOptions {
  readonly setup: WorkerSetup;
  /** Exactly what the function finds in process.env. */
  readonly environment: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Reserved concurrency; above it an invocation is throttled. Undefined: the account's. */
  readonly reservedConcurrency?: number;
  readonly onOutput: (line: string, requestId: string | undefined) => void;
}

interface Job {
  readonly requestId: string;
  readonly event: string;
  readonly resolve: (outcome: Outcome) => void;
}

interface Slot {
  readonly worker: Worker;
  ready: boolean;
  job?: Job;
  timer?: NodeJS.Timeout;
}

/** What all functions of an AWS account share unless it was raised. */
const accountConcurrency = 1000;
/**
 * More threads than this gain nothing: what functions wait for is mostly work of this machine, too. Each has to load its
 * function first, and keeps some 30 MB. Further events wait for a free one.
 */
const threadsMax = Math.max(4, 2 * availableParallelism());
/** Lambda gives initialization 10 s before it counts against the function's own time. */
const initTimeoutMs = 10_000;
/** An environment that nobody used for so long gives its memory back. */
const idleMs = 5 * 60_000;

/** The execution environments of one function. */
export class FunctionPool {
  readonly #options: PoolOptions;
  readonly #slots = new Set<Slot>();
  readonly #waiting: Job[] = [];
  #running = 0;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Resolves to undefined when the function is at its concurrency: the caller is throttled. */
  async run(requestId: string, event: string): Promise<Outcome | undefined> {
    if (this.#closed || this.#running >= (this.#options.reservedConcurrency ?? accountConcurrency))
      return undefined;
    this.#running += 1;
    try {
      return await new Promise<Outcome>((resolve) => {
        this.#waiting.push({ requestId, event, resolve });
        this.#dispatch();
      });
    } finally {
      this.#running -= 1;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(
      [...this.#slots].map((slot) =>
        this.#end(slot, { errorType: 'Runtime.ExitError', errorMessage: 'shutting down' }),
      ),
    );
  }

  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const free = [...this.#slots].find((slot) => !slot.job);
      const slot = free ?? (this.#slots.size < threadsMax ? this.#start() : undefined);
      const job = slot && this.#waiting.shift();
      if (!slot || !job) return;
      slot.job = job;
      clearTimeout(slot.timer);
      if (slot.ready) this.#send(slot, job);
      else slot.timer = setTimeout(() => void this.#end(slot, timedOut(job, initTimeoutMs)), initTimeoutMs);
    }
  }

  #send(slot: Slot, { requestId, event }: Job): void {
    const { timeoutMs } = this.#options;
    clearTimeout(slot.timer);
    slot.timer = setTimeout(() => void this.#end(slot, slot.job && timedOut(slot.job, timeoutMs)), timeoutMs);
    slot.worker.postMessage({ requestId, event, deadlineMs: Date.now() + timeoutMs } satisfies Invocation);
  }

  #start(): Slot {
    const worker = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData: this.#options.setup,
      env: { ...this.#options.environment },
      argv: [],
      execArgv: ['--disable-warning=ExperimentalWarning', '--enable-source-maps'],
      stdout: true,
      stderr: true,
    });
    const slot: Slot = { worker, ready: false };
    this.#slots.add(slot);
    for (const stream of [worker.stdout, worker.stderr]) this.#readLines(stream, slot);
    worker.on('message', (message: WorkerReply) => this.#receive(slot, message));
    worker.on('error', (error: unknown) => {
      const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
      void this.#end(slot, { errorType: name, errorMessage: message, trace: stack?.split('\n') });
    });
    worker.on(
      'exit',
      (code) => void this.#end(slot, { errorType: 'Runtime.ExitError', errorMessage: `exited with ${code}` }),
    );
    return slot;
  }

  #readLines(stream: Readable, slot: Slot): void {
    createInterface({ input: stream }).on('line', (line) =>
      this.#options.onOutput(line, slot.job?.requestId),
    );
  }

  #receive(slot: Slot, message: WorkerReply): void {
    if (message.kind === 'ready') {
      slot.ready = true;
      if (slot.job) this.#send(slot, slot.job);
      return;
    }
    const { job } = slot;
    if (!job || job.requestId !== message.requestId) return;
    clearTimeout(slot.timer);
    slot.job = undefined;
    slot.timer = setTimeout(() => void this.#end(slot), idleMs).unref();
    job.resolve(
      message.kind === 'result'
        ? { ok: true, payload: message.payload }
        : { ok: false, error: message.error },
    );
    this.#dispatch();
  }

  /** Ends an environment; the event that it was working on, if any, fails with `error`. */
  async #end(slot: Slot, error?: FunctionFailure): Promise<void> {
    if (!this.#slots.delete(slot)) return;
    clearTimeout(slot.timer);
    const { job } = slot;
    slot.job = undefined;
    await slot.worker.terminate();
    job?.resolve({ ok: false, error: error ?? { errorType: 'Runtime.ExitError', errorMessage: 'ended' } });
    if (!this.#closed) this.#dispatch();
  }
}

function timedOut({ requestId }: Job, timeoutMs: number): FunctionFailure {
  return {
    errorType: 'Sandbox.Timedout',
    errorMessage: `RequestId: ${requestId} Error: Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`,
  };
}
