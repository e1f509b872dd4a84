import { fuzz } from './fuzz.ts';
import { targets } from './targets.ts';

describe('bytes that anybody may have written', () => {
  it.each(targets)('$name are read or refused with a typed error', (target) => {
    expect(fuzz(target, { inputs: 5_000, seed: 1 })).toMatchObject({ inputs: 5_000, failure: undefined });
  });

  it.each(targets)('$name: every input of the corpus is valid', (target) => {
    for (const bytes of target.corpus) expect(() => target.run(bytes)).not.toThrow();
  });

  it('notices a reader that fails by accident', () => {
    const { failure } = fuzz(
      { name: 'broken', corpus: [Buffer.alloc(8)], run: (bytes) => void bytes.readUInt32BE(4) },
      { inputs: 1_000, seed: 1 },
    );
    expect(failure).toContain('RangeError');
  });
});
