import { mutants } from './mutants.ts';
import { simulate } from './simulation.ts';

const mutantSeedsMax = 1000;
const seeds = Array.from({ length: 100 }, (_, i) => i + 1);

describe('restore on a disk that reorders and tears what no barrier covered', () => {
  it(`never loses an acknowledged or flushed write and never shows a mark (${seeds.length} seeds)`, async () => {
    for (const seed of seeds) await simulate({ seed });
  });
});

describe('the simulation notices when a rule of the order of writes is broken', () => {
  for (const [name, makers] of Object.entries(mutants)) {
    it(name, async () => {
      let caught: unknown;
      for (let seed = 1; seed <= mutantSeedsMax && !caught; seed++)
        await simulate({ seed, makers }).catch((thrown: unknown) => (caught = thrown));
      expect(caught).toBeInstanceOf(Error);
      if (process.env.HOLDFAST_VERBOSE) console.log(name, (caught as Error).message);
    });
  }
});
