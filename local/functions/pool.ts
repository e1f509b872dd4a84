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
  timer?: NodeJS.Timeout;
}

interface Slot {
  readonly worker: Worker;
  readonly jobs: Map<number, Job>;
  ready: boolean;
  /** Takes no more events: one ran into its time-out, and whatever it does still goes on here. */
  retired: boolean;
  idleTimer?: NodeJS.Timeout;
}

/** What all functions of an AWS account share unless it was raised. */
const accountConcurrency = 1000;
/**
 * Events that one thread works on at the same time. A function mostly waits, and a thread that does much is a fast one:
 * its code is compiled and its connections are open. Each has to load its function first, and keeps some 30 MB.
 */
const eventsPerThread = 64;
/** More of them than this gain nothing: what functions wait for is mostly work of this machine, too. */
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
  #jobs = 0;
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
      const slot = this.#slotForNext();
      const job = slot && this.#waiting.shift();
      if (!slot || !job) return;
      clearTimeout(slot.idleTimer);
      const jobId = ++this.#jobs;
      slot.jobs.set(jobId, job);
      if (slot.ready) this.#send(slot, jobId, job);
      else job.timer = setTimeout(() => void this.#end(slot, timedOut(job, initTimeoutMs)), initTimeoutMs);
    }
  }

  /** The first thread with room, so that the first of them is always warm; a new one where all are full. */
  #slotForNext(): Slot | undefined {
    for (const slot of this.#slots) if (!slot.retired && slot.jobs.size < eventsPerThread) return slot;
    return this.#slots.size < threadsMax ? this.#start() : undefined;
  }

  #send(slot: Slot, jobId: number, job: Job): void {
    const { timeoutMs } = this.#options;
    const { requestId, event } = job;
    clearTimeout(job.timer);
    job.timer = setTimeout(() => this.#timeOut(slot, jobId, job), timeoutMs);
    const deadlineMs = Date.now() + timeoutMs;
    slot.worker.postMessage({ jobId, requestId, event, deadlineMs } satisfies Invocation);
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
    const slot: Slot = { worker, jobs: new Map(), ready: false, retired: false };
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

  /** A line is an event's where there is only one; ours name their event themselves. */
  #readLines(stream: Readable, { jobs }: Slot): void {
    createInterface({ input: stream }).on('line', (line) => {
      const [only] = jobs.values();
      this.#options.onOutput(line, jobs.size === 1 ? only?.requestId : undefined);
    });
  }

  #receive(slot: Slot, message: WorkerReply): void {
    if (message.kind === 'ready') {
      slot.ready = true;
      for (const [jobId, job] of slot.jobs) this.#send(slot, jobId, job);
      return;
    }
    const job = slot.jobs.get(message.jobId);
    if (!job) return;
    this.#settle(
      slot,
      message.jobId,
      message.kind === 'result'
        ? { ok: true, payload: message.payload }
        : { ok: false, error: message.error },
    );
    if (slot.retired) return this.#endRetired(slot);
    if (slot.jobs.size === 0) slot.idleTimer = setTimeout(() => void this.#end(slot), idleMs).unref();
    this.#dispatch();
  }

  #settle({ jobs }: Slot, jobId: number, outcome: Outcome): void {
    const job = jobs.get(jobId);
    jobs.delete(jobId);
    clearTimeout(job?.timer);
    job?.resolve(outcome);
  }

  /** What it still does cannot be stopped alone: the thread ends once its other events have. */
  #timeOut(slot: Slot, jobId: number, job: Job): void {
    slot.retired = true;
    this.#settle(slot, jobId, { ok: false, error: timedOut(job, this.#options.timeoutMs) });
    this.#endRetired(slot);
  }

  #endRetired(slot: Slot): void {
    if (slot.jobs.size === 0) void this.#end(slot);
    else this.#dispatch();
  }

  /** Ends an environment; the events that it was working on, if any, fail with `error`. */
  async #end(slot: Slot, error?: FunctionFailure): Promise<void> {
    if (!this.#slots.delete(slot)) return;
    clearTimeout(slot.idleTimer);
    const jobs = [...slot.jobs.values()];
    slot.jobs.clear();
    for (const { timer } of jobs) clearTimeout(timer);
    await slot.worker.terminate();
    for (const { resolve } of jobs)
      resolve({ ok: false, error: error ?? { errorType: 'Runtime.ExitError', errorMessage: 'ended' } });
    if (!this.#closed) this.#dispatch();
  }
}

function timedOut({ requestId }: Pick<Job, 'requestId'>, timeoutMs: number): FunctionFailure {
  return {
    errorType: 'Sandbox.Timedout',
    errorMessage: `RequestId: ${requestId} Error: Task timed out after ${(timeoutMs / 1000).toFixed(2)} seconds`,
  };
}
