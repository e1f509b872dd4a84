import type { Cause, FoundPattern } from './detector.ts';
import { Findings } from './findings.ts';
import { poissonInterval, wilson } from './intervals.ts';
import { score } from './score.ts';
import type { Truth, TrueFault } from './truth.ts';

const cause = (...values: string[]): Cause =>
  values.map((text) => ({ attribute: text.split('=')[0]!, value: text.split('=')[1]! }));
const pattern = (of: Cause, condition = 'Broken', ...alternatives: Cause[]): FoundPattern => ({
  condition,
  cause: of,
  alternatives,
});
const fault = (id: string, of: Cause, more: Partial<TrueFault> = {}): TrueFault => ({
  id,
  cause: of,
  conditions: ['Broken'],
  added: 0.05,
  startWindow: 10,
  endWindow: 20,
  gateways: 1_000,
  customers: 400,
  isEligible: true,
  notEligible: undefined,
  ...more,
});
const nothing: Truth = { faults: [], chronic: [], bursts: [], outages: [] };

/** `named[window]` is what the detector said in it. */
function scored(truth: Partial<Truth>, named: Record<number, FoundPattern[]>, overlap = 1) {
  const findings = new Findings(15);
  for (const [window, patterns] of Object.entries(named)) findings.add(Number(window), patterns);
  return score(findings.all, {
    truth: { ...nothing, ...truth },
    windowMinutes: 15,
    warmUpWindows: 4,
    overlap: () => overlap,
  });
}

const newVersion = cause('version=new');
const kernel = cause('kernel=6');
const faults = [fault('release', newVersion)];

describe('the score', () => {
  it('counts the fault’s own value, found in its time, for everything', () => {
    const result = scored({ faults }, { 11: [pattern(newVersion)] });
    expect(result).toMatchObject({ right: 1, falsePatterns: 0, eligible: 1, foundFaults: 1, foundFirst: 1 });
    expect(result.missed).toEqual([]);
    // Known at the end of the second window.
    expect(result.minutesToFind).toEqual([30]);
  });

  it.each([
    ['before it began', 9, 1],
    ['in its first window', 10, 0],
    ['within an hour of its end', 23, 0],
    ['later than that', 24, 1],
  ])('takes the right value, first named %s, for what it is', (_, window, falsePatterns) => {
    const result = scored({ faults }, { [window]: [pattern(newVersion)] });
    expect(result).toMatchObject({ falsePatterns, foundFaults: 1 - falsePatterns });
  });

  it('calls the right value under another condition, and another value, false', () => {
    const result = scored({ faults }, { 11: [pattern(newVersion, 'Slow'), pattern(cause('version=old'))] });
    expect(result).toMatchObject({ right: 0, falsePatterns: 2, foundFaults: 0 });
    expect(result.missed).toEqual([{ id: 'release', cause: newVersion }]);
    expect(result.findings.map(({ because }) => because)).toEqual(['background', 'beside release']);
  });

  it('counts a named alternative for recall, and not as the first choice', () => {
    const named = { 11: [pattern(kernel, 'Broken', cause('isp=a'), newVersion)] };
    expect(scored({ faults }, named)).toMatchObject({ right: 1, foundFaults: 1, foundFirst: 0 });
  });

  it('does not believe an alternative that other gateways carry, nor a sixth', () => {
    const named = [pattern(kernel, 'Broken', newVersion)];
    expect(scored({ faults }, { 11: named }, 0.49)).toMatchObject({ falsePatterns: 1, foundFaults: 0 });
    const guesses = ['isp=a', 'isp=b', 'isp=c', 'isp=d', 'isp=e'].map((one) => cause(one));
    const sixth = [pattern(kernel, 'Broken', ...guesses, newVersion)];
    expect(scored({ faults }, { 11: sixth })).toMatchObject({ falsePatterns: 1, foundFaults: 0 });
  });

  it('asks a pair for both values, in any order; half of it is neither right nor false', () => {
    const pair = [fault('pair', cause('version=new', 'disk=red'))];
    const both = scored({ faults: pair }, { 11: [pattern(cause('disk=red', 'version=new'))] });
    expect(both).toMatchObject({ right: 1, foundFaults: 1, foundFirst: 1 });
    const half = scored({ faults: pair }, { 11: [pattern(newVersion)] });
    expect(half).toMatchObject({ right: 0, falsePatterns: 0, partial: 1, foundFaults: 0 });
  });

  it('does not count a fault as first where something false stood before it', () => {
    const result = scored({ faults }, { 11: [pattern(kernel), pattern(newVersion)] });
    expect(result).toMatchObject({ right: 1, falsePatterns: 1, foundFaults: 1, foundFirst: 0 });
    const other = [...faults, fault('kernel', kernel)];
    expect(scored({ faults: other }, { 11: [pattern(kernel), pattern(newVersion)] }).foundFirst).toBe(2);
  });

  it('keeps a fault that is too small out of recall, and what is said about it right', () => {
    const small = [fault('small', newVersion, { isEligible: false, notEligible: 'too small' })];
    expect(scored({ faults: small }, { 11: [pattern(newVersion)] })).toMatchObject({
      right: 1,
      eligible: 0,
      foundFaults: 0,
    });
    expect(scored({ faults: small }, {}).missed).toEqual([]);
  });

  it('calls an outage of a whole value right, and one of a single customer’s values false', () => {
    const outage = { conditions: ['Broken'], startWindow: 10, endWindow: 12, gateways: 40 };
    const outages = [
      { ...outage, domain: 'isp', value: 'a' },
      { ...outage, domain: 'customer', value: 'customer-1' },
    ];
    const result = scored({ outages }, { 11: [pattern(cause('isp=a')), pattern(cause('isp=b'))] });
    expect(result.findings.map(({ verdict }) => verdict)).toEqual(['outage', 'false']);
  });

  it('says what was going on around a false pattern', () => {
    const truth = {
      chronic: [{ attribute: 'isp', value: 'a', conditions: ['Broken'], factor: 5 }],
      bursts: [{ conditions: ['Broken'], added: 0.01, startWindow: 10, endWindow: 12 }],
    };
    const result = scored(truth, {
      11: [pattern(cause('isp=a')), pattern(cause('isp=b'))],
      40: [pattern(kernel)],
    });
    expect(result.findings.map(({ because }) => because)).toEqual([
      'chronic difference',
      'fleet-wide burst',
      'background',
    ]);
  });

  it('takes a pattern that is named again within an hour for one finding, and later for another', () => {
    const named = {
      11: [pattern(kernel)],
      12: [pattern(kernel)],
      16: [pattern(kernel)],
      21: [pattern(kernel)],
    };
    const { findings } = scored({}, named);
    expect(findings.map(({ firstWindow, lastWindow }) => [firstWindow, lastWindow])).toEqual([
      [11, 16],
      [21, 21],
    ]);
  });

  it('drops what was first named in the warm-up', () => {
    expect(scored({}, { 3: [pattern(kernel)] }).findings).toEqual([]);
    expect(scored({}, { 4: [pattern(kernel)] }).falsePatterns).toBe(1);
  });
});

describe('the intervals', () => {
  it('are Wilson’s for shares', () => {
    expect(wilson(8, 10)!.map((bound) => bound.toFixed(3))).toEqual(['0.490', '0.943']);
    expect(wilson(20, 20)![0]).toBeCloseTo(0.839, 3);
    expect(wilson(0, 0)).toBeNull();
  });

  it('are Poisson’s for counts', () => {
    expect(poissonInterval(0)[0]).toBe(0);
    expect(poissonInterval(0)[1]).toBeCloseTo(3.69, 1);
    expect(poissonInterval(10)[0]).toBeCloseTo(4.8, 1);
    expect(poissonInterval(10)[1]).toBeCloseTo(18.39, 1);
  });
});
