import type { Bucket, CallOptions, ListedObject } from '../../agent/s3/bucket.ts';
import { HoldfastError } from '../../core/errors.ts';
import { MemoryBucket } from './memory-bucket.ts';

/**
 * Every order in which the steps of several programs can happen on one bucket, by running the real programs again
 * and again. A program's request waits until the search lets it happen; a state that was seen before (the same
 * objects, and every program having seen the same answers) is not searched twice, for the programs are functions
 * of the answers they get. A listing of a folder happens at one moment.
 */
export interface Actor {
  name: string;
  run(bucket: Bucket): Promise<void>;
  /** The search may let it die, or let the answer of a write get lost, at any write: once in each run. */
  mayFail?: boolean;
}

export interface Search {
  /** A bucket as it is before the actors start. */
  before: MemoryBucket;
  actors: () => Actor[];
  /** Requests that are made in one step with what the program did before: their place in the order is not varied. */
  atOnce?: (actorName: string, label: string) => boolean;
  /** Throws where a state must not be. */
  check(objects: MemoryBucket): void;
  /** After all actors have ended. */
  checkEnd(objects: MemoryBucket, outcomes: Map<string, Outcome>): Promise<void>;
}

export type Outcome = 'succeeded' | 'dead' | { failed: unknown };

interface Request {
  actor: number;
  label: string;
  perform: () => Promise<unknown>;
  settle: (result: { value?: unknown; error?: unknown }) => void;
}

type Choice = { kind: 'perform' | 'fail' | 'die'; request: number };

/** Returns how many states and how many complete runs there were; throws with the steps that lead to a failure. */
export async function searchInterleavings(search: Search): Promise<{ states: number; runs: number }> {
  const seen = new Set<string>();
  let runs = 0;
  const open: Choice[][] = [[]];
  while (open.length > 0) {
    const run = new Run(search);
    for (const choice of open.pop()!) await run.take(choice);
    for (;;) {
      const choices = await run.choices();
      const key = run.key();
      if (seen.has(key)) break;
      seen.add(key);
      run.check();
      if (run.hasEnded) {
        runs += 1;
        await run.checkEnd();
      }
      if (choices.length === 0) break;
      for (const choice of choices.slice(1)) open.push([...run.taken, choice]);
      await run.take(choices[0]!);
    }
  }
  return { states: seen.size, runs };
}

/** Turns of the microtask queue after which nobody is about to ask anything more. */
const quietTicks = 40;

class Run {
  readonly taken: Choice[] = [];
  readonly #search: Search;
  readonly #objects: MemoryBucket;
  readonly #actors: Actor[];
  readonly #steps: string[] = [];
  readonly #histories: string[];
  readonly #outcomes: (Outcome | undefined)[];
  #requests: Request[] = [];
  #failureUsed = false;

  constructor(search: Search) {
    this.#search = search;
    this.#objects = copyOf(search.before);
    this.#actors = search.actors();
    this.#histories = this.#actors.map(() => '');
    this.#outcomes = this.#actors.map(() => undefined);
    this.#actors.forEach((actor, index) => {
      actor.run(this.#bucketOf(index)).then(
        () => (this.#outcomes[index] ??= 'succeeded'),
        (error: unknown) => (this.#outcomes[index] ??= { failed: error }),
      );
    });
  }

  async choices(): Promise<Choice[]> {
    await this.#quiet();
    const choices: Choice[] = this.#requests.map((_, request) => ({ kind: 'perform', request }));
    if (this.#failureUsed) return choices;
    this.#requests.forEach(({ actor, label }, request) => {
      if (!this.#actors[actor]!.mayFail || !/^(put|delete)/.test(label)) return;
      choices.push({ kind: 'fail', request }, { kind: 'die', request });
    });
    return choices;
  }

  async take(choice: Choice): Promise<void> {
    await this.#quiet();
    const request = this.#requests[choice.request]!;
    this.taken.push(choice);
    this.#steps.push(
      `${this.#actors[request.actor]!.name}: ${choice.kind === 'perform' ? '' : `${choice.kind} in `}${request.label}`,
    );
    if (choice.kind !== 'perform') return this.#fail(choice.kind, request);
    await this.#perform(choice.request);
  }

  async #perform(position: number): Promise<void> {
    const request = this.#requests.splice(position, 1)[0]!;
    const result = await request.perform().then(
      (value) => ({ value }),
      (error: unknown) => ({ error }),
    );
    this.#histories[request.actor] += `|${request.label}=${summary(result)}`;
    request.settle(result);
  }

  /** Nothing is left to happen but writes whose answers were lost, which may never arrive. */
  get hasEnded(): boolean {
    return this.#outcomes.every((outcome) => outcome !== undefined);
  }

  /** The same objects and the same answers seen: the same futures. */
  key(): string {
    const waiting = this.#requests.map(({ actor, label }) => `${actor}:${label}`).sort();
    const outcomes = this.#outcomes.map((outcome) => (outcome === 'dead' ? 'dead' : ''));
    return JSON.stringify([this.#objects.keys(), this.#histories, waiting, outcomes, this.#failureUsed]);
  }

  check(): void {
    try {
      this.#search.check(this.#objects);
    } catch (error) {
      throw this.#withSteps(error);
    }
  }

  async checkEnd(): Promise<void> {
    const outcomes = new Map(this.#actors.map(({ name }, index) => [name, this.#outcomes[index]!]));
    await this.#search.checkEnd(copyOf(this.#objects), outcomes).catch((error: unknown) => {
      throw this.#withSteps(error);
    });
  }

  /** The request's answer is lost; it may still arrive in the store, at any later time. */
  #fail(kind: 'fail' | 'die', request: Request): void {
    this.#failureUsed = true;
    this.#histories[request.actor] += `|${kind} ${request.label}`;
    const { settle } = request;
    request.settle = () => undefined;
    if (kind === 'fail') return settle({ error: new HoldfastError('UNAVAILABLE', 'the answer was lost') });
    this.#outcomes[request.actor] = 'dead';
    for (const other of this.#requests) if (other.actor === request.actor) other.settle = () => undefined;
  }

  /** Waits until every actor has ended, died or waits for the search. */
  async #quiet(): Promise<void> {
    for (;;) {
      await this.#settled();
      const { atOnce } = this.#search;
      const request = this.#requests.findIndex(({ actor, label }) =>
        atOnce?.(this.#actors[actor]!.name, label),
      );
      if (request < 0) return;
      await this.#perform(request);
    }
  }

  async #settled(): Promise<void> {
    for (let ticks = 0; ticks < quietTicks;) {
      const waits = (index: number) => this.#requests.some(({ actor }) => actor === index);
      const all = this.#outcomes.every((outcome, index) => outcome !== undefined || waits(index));
      if (all) await Promise.resolve();
      else await new Promise(setImmediate);
      ticks = all ? ticks + 1 : 0;
    }
  }

  #bucketOf(actor: number): Bucket {
    const ask = <T>(label: string, perform: () => Promise<T>, options?: CallOptions): Promise<T> => {
      options?.signal?.throwIfAborted();
      return new Promise<T>((resolve, reject) => {
        const settle: Request['settle'] = ({ value, error }) =>
          error === undefined ? resolve(value as T) : reject(error);
        this.#requests.push({ actor, label, perform, settle });
      });
    };
    const objects = this.#objects;
    return {
      url: objects.url,
      put: async (key, body, options) => ask(`put ${key}`, () => objects.put(key, body), options),
      get: async (key, options) => ask(`get ${key}`, () => objects.get(key, options), options),
      getRange: async (key, range, options) => ask(`get ${key}`, () => objects.getRange(key, range), options),
      has: async (key, options) => ask(`has ${key}`, () => objects.has(key), options),
      delete: async (keys, options) =>
        keys.length === 0 ? undefined : ask(`delete ${keys.join(' ')}`, () => objects.delete(keys), options),
      async *list(keyPrefix, options): AsyncGenerator<ListedObject> {
        yield* await ask(`list ${keyPrefix}`, () => allOf(objects.list(keyPrefix)), options);
      },
    };
  }

  #withSteps(error: unknown): Error {
    const why = error instanceof Error ? error.message : String(error);
    return new Error(`${why}\nafter:\n  ${this.#steps.join('\n  ')}`, { cause: error });
  }
}

async function allOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function copyOf(bucket: MemoryBucket): MemoryBucket {
  const copy = new MemoryBucket();
  for (const [key, bytes] of bucket.objects) copy.objects.set(key, bytes);
  return copy;
}

/** An answer in as many characters as tell it from another: object bodies follow from their keys. */
function summary({ value, error }: { value?: unknown; error?: unknown }): string {
  if (error !== undefined) return error instanceof HoldfastError ? error.code : String(error);
  if (Array.isArray(value)) return (value as ListedObject[]).map(({ key }) => key).join(',');
  return value instanceof Uint8Array ? 'bytes' : String(value);
}
