import type { Bucket, CallOptions, ListedObject } from '../../../agent/s3/bucket.ts';
import { HoldfastError } from '../../../core/errors.ts';
import type { KeySet } from './key-set.ts';

export type Operation = 'put' | 'get' | 'has' | 'list' | 'delete';

/** What a program asks of the bucket, and has no answer to yet. */
export interface Request {
  operation: Operation;
  /** The keys, or the prefix of a listing. */
  keys: string[];
}

/** An answer: the keys listed; whether there was an object (get, has); nothing for writes; or that it got lost. */
export type Answer = string[] | boolean | undefined | 'lost';

export interface Step {
  request: Request;
  answer: Answer;
}

export type Outcome = 'succeeded' | { failed: unknown };

/** Turns of the microtask queue after which nobody is about to ask anything more. */
const quietTicks = 40;

interface Pending extends Request {
  settle: (answer: Answer) => void;
}

/** One run of a real program, whose requests are answered as it is told. */
export class ProgramRun {
  readonly #keySet: KeySet;
  #pending: Pending[] = [];
  outcome: Outcome | undefined;

  constructor(keySet: KeySet, run: (bucket: Bucket) => Promise<void>) {
    this.#keySet = keySet;
    run(this.#bucket()).then(
      () => (this.outcome = 'succeeded'),
      (failed: unknown) => (this.outcome = { failed }),
    );
  }

  /** What it waits for now; nothing once it has ended. */
  async requests(): Promise<Request[]> {
    for (let ticks = 0; ticks < quietTicks;) {
      const isWaiting = this.outcome !== undefined || this.#pending.length > 0;
      if (isWaiting) await Promise.resolve();
      else await new Promise(setImmediate);
      ticks = isWaiting ? ticks + 1 : 0;
    }
    return this.#pending.map(({ operation, keys }) => ({ operation, keys }));
  }

  async answer({ request, answer }: Step): Promise<void> {
    await this.requests();
    const label = labelOf(request);
    const at = this.#pending.findIndex((pending) => labelOf(pending) === label);
    if (at < 0)
      throw new Error(`the program does not ask “${label}” this time: it is no function of its answers`);
    this.#pending.splice(at, 1)[0]!.settle(answer);
  }

  #bucket(): Bucket {
    const keySet = this.#keySet;
    const ask = <T>(
      operation: Operation,
      keys: string[],
      value: (answer: Answer) => T,
      options?: CallOptions,
    ): Promise<T> => {
      options?.signal?.throwIfAborted();
      return new Promise<T>((resolve, reject) => {
        const settle = (answer: Answer) => {
          if (answer === 'lost') return reject(new HoldfastError('UNAVAILABLE', 'the answer was lost'));
          try {
            resolve(value(answer));
          } catch (thrown) {
            reject(thrown);
          }
        };
        this.#pending.push({ operation, keys, settle });
      });
    };
    const body = (key: string, exists: Answer): Uint8Array => {
      if (!exists) throw new HoldfastError('NOT_FOUND', `there is no ${key}`);
      return new Uint8Array(keySet.bodies.get(key)!);
    };
    return {
      url: 's3://memory',
      put: async (key, bytes, options) => {
        keySet.learn(key, bytes);
        return ask('put', [key], () => undefined, options);
      },
      get: async (key, options) => ask('get', [key], (exists) => body(key, exists), options),
      getRange: async (key, { offsetBytes, lengthBytes }, options) =>
        ask(
          'get',
          [key],
          (exists) => body(key, exists).slice(offsetBytes, offsetBytes + lengthBytes),
          options,
        ),
      has: async (key, options) => ask('has', [key], (exists) => exists === true, options),
      delete: async (keys, options) =>
        keys.length === 0 ? undefined : ask('delete', keys, () => undefined, options),
      async *list(keyPrefix, options): AsyncGenerator<ListedObject> {
        const found = await ask('list', [keyPrefix], (answer) => answer as string[], options);
        for (const key of found) yield { key, sizeBytes: keySet.bodies.get(key)!.length, modifiedAtMs: 0 };
      },
    };
  }
}

export const labelOf = ({ operation, keys }: Request): string => `${operation} ${keys.join(' ')}`;
