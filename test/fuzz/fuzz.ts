import fc from 'fast-check';
import { HoldfastError } from '../../core/errors.ts';
import type { FuzzTarget } from './targets.ts';

/** Bytes that were changed, cut out or put in. */
type Change =
  | { kind: 'set'; at: number; value: number }
  | { kind: 'number'; at: number; value: number }
  | { kind: 'cut'; at: number; length: number }
  | { kind: 'insert'; at: number; bytes: Uint8Array }
  | { kind: 'repeat'; at: number; length: number };

const at = fc.nat(4096);
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), at, value: fc.nat(255) }),
  fc.record({
    kind: fc.constant('number' as const),
    at,
    value: fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x02000001, 0x04000001, 4097),
  }),
  fc.record({ kind: fc.constant('cut' as const), at, length: fc.nat(64) }),
  fc.record({ kind: fc.constant('insert' as const), at, bytes: fc.uint8Array({ maxLength: 16 }) }),
  fc.record({ kind: fc.constant('repeat' as const), at, length: fc.nat(64) }),
);

export function changed(input: Buffer, changes: readonly Change[]): Buffer {
  let bytes = Buffer.from(input);
  for (const one of changes) {
    const start = bytes.length === 0 ? 0 : one.at % bytes.length;
    if (one.kind === 'set') bytes[start] = one.value;
    else if (one.kind === 'number' && start + 4 <= bytes.length) bytes.writeUInt32BE(one.value, start);
    else if (one.kind === 'cut')
      bytes = Buffer.concat([bytes.subarray(0, start), bytes.subarray(start + one.length)]);
    else if (one.kind === 'insert')
      bytes = Buffer.concat([bytes.subarray(0, start), one.bytes, bytes.subarray(start)]);
    else if (one.kind === 'repeat') bytes = Buffer.concat([bytes, bytes.subarray(start, start + one.length)]);
  }
  return bytes;
}

function inputsOf({ corpus, repair }: FuzzTarget): fc.Arbitrary<Buffer> {
  const mutated = fc
    .tuple(fc.nat(corpus.length - 1), fc.array(change, { maxLength: 6 }), fc.boolean())
    .map(([which, changes, repaired]) => {
      const bytes = changed(corpus[which]!, changes);
      return repaired && repair ? repair(bytes) : bytes;
    });
  const random = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  return fc.oneof({ arbitrary: mutated, weight: 9 }, { arbitrary: random, weight: 1 });
}

export interface FuzzResult {
  inputs: number;
  /** Inputs that were refused with a typed error. */
  refused: number;
  /** Why the target failed, with the seed and the smallest input; undefined where it held. */
  failure: string | undefined;
}

/** Anything but a HoldfastError is a failure; it is shrunk to a small input. */
export function fuzz(target: FuzzTarget, p: { inputs: number; seed: number }): FuzzResult {
  let refused = 0;
  const details = fc.check(
    fc.property(inputsOf(target), (bytes) => {
      try {
        target.run(bytes);
      } catch (thrown) {
        if (!(thrown instanceof HoldfastError)) throw thrown;
        if (thrown.code === 'INTERNAL') throw thrown;
        refused++;
      }
    }),
    { numRuns: p.inputs, seed: p.seed },
  );
  if (!details.failed) return { inputs: details.numRuns, refused, failure: undefined };
  const smallest = details.counterexample?.[0].toString('hex');
  const failure = `${String(details.errorInstance)}; seed ${p.seed}, input ${smallest}`;
  return { inputs: details.numRuns, refused, failure };
}
