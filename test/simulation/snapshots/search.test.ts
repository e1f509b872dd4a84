import { KeySet } from './key-set.ts';
import type { MachineRequest, Program } from './machine.ts';
import { searchScenario } from './scenarios.ts';
import { searchOrders, type Search } from './search.ts';

/** The search on programs as small as what they show. */
const nothing = new Uint8Array(0);
const keySet = () => {
  const keys = new KeySet();
  for (const key of ['x', 'y']) keys.bit(key);
  return keys;
};
const putter = (...keys: string[]): Program => ({
  name: `putter of ${keys.join(' and ')}`,
  run: async (bucket) => {
    for (const key of keys) await bucket.put(key, nothing).catch(() => undefined);
  },
});
const searchOf = (search: Pick<Search, 'keySet' | 'programs'> & Partial<Search>) =>
  searchOrders({
    before: 0,
    check: () => undefined,
    checkOutcome: () => undefined,
    judgedWith: () => 0,
    ...search,
  });

test('a write that could heal what is wrong waits until that was seen', async () => {
  const keys = keySet();
  const [x, y] = [keys.bit('x'), keys.bit('y')];
  const search = searchOf({
    keySet: keys,
    programs: [putter('x'), putter('y')],
    check: (mask) => {
      if (mask === y) throw new Error('y without x');
    },
    judgedWith: (requests: MachineRequest[]) => (requests.some(({ mask }) => mask === x) ? y : 0),
  });
  await expect(search).rejects.toThrow('y without x');
});

test('a write that was delayed arrives between any two looks', async () => {
  const looker: Program = {
    name: 'looker',
    run: async (bucket) => {
      const looks = [await bucket.has('y'), await bucket.has('x'), await bucket.has('x')];
      if (looks.join() === 'true,false,true') throw new Error('x came late');
    },
  };
  const search = searchOf({
    keySet: keySet(),
    programs: [{ ...putter('x', 'y'), mayLoseAnswers: true }, looker],
    checkOutcome: (_, outcome) => {
      if (outcome !== 'succeeded') throw outcome.failed;
    },
  });
  await expect(search).rejects.toThrow('x came late');
});

test('of two programs that lose answers the search says that it knows only one', async () => {
  const program = { ...putter('x'), mayLoseAnswers: true };
  await expect(searchOf({ keySet: keySet(), programs: [program, program] })).rejects.toThrow('only one');
});

test('histories that are told alike and go on differently are noticed', async () => {
  const forgetful = (program: Program): Program => ({ ...program, knowledge: () => Promise.resolve('') });
  const search = searchScenario({ programs: ['deleter', 'collector'] }, (program, name) =>
    name === 'collector' ? forgetful(program) : program,
  );
  await expect(search).rejects.toThrow('told alike');
});
