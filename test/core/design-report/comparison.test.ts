import { compare, sampleOf } from '../../../core/design-report/comparison.ts';
import type { Cell } from '../../../core/design-report/fleet-history.ts';
import { Chance } from '../../simulation/fleet/chance.ts';

const cell = (customer: number, codes: number[], days: number, onsets: number): Cell => ({
  ...{ customer, codes, days, period: 0 },
  ...(onsets > 0 ? { onsets: new Map([[0, onsets]]) } : {}),
});
/** Those with code 1 against the others; inside of equal codes at `within`, where that is given. */
function compared(cells: readonly Cell[], within?: number) {
  const groups = within === undefined ? undefined : Int32Array.from(cells, ({ codes }) => codes[within]! - 1);
  return compare(
    sampleOf(cells, 0),
    Uint8Array.from(cells, ({ codes }) => (codes[0] === 1 ? 1 : 0)),
    groups,
  );
}

test('a ratio is that of the rates; what was met already is not at risk', () => {
  const cells = [
    ...Array.from({ length: 10 }, (_, c) => cell(c, [1], 100, 3)),
    ...Array.from({ length: 10 }, (_, c) => cell(10 + c, [2], 200, 2)),
  ];
  expect(compared(cells)!.ratio.value).toBeCloseTo(3);
  expect(compared(cells)!.onsets).toEqual({ carriers: 30, others: 20 });
  for (const one of cells.slice(0, 10)) one.standing = new Map([[0, 50]]);
  expect(compared(cells)!.ratio.value).toBeCloseTo(6);
});

test('a version that is mostly on bad hardware is not to blame once like is compared with like', () => {
  // Rates: 0.04 on hardware 1, 0.01 on hardware 2, whatever the version.
  const cells = Array.from({ length: 40 }, (_, c) => [
    cell(c, [1, 1], 75, 3),
    cell(c, [1, 2], 100, 1),
    cell(c, [2, 1], 25, 1),
    cell(c, [2, 2], 300, 3),
  ]).flat();
  expect(compared(cells)!.ratio).toMatchObject({ value: expect.closeTo(1.857, 2) as number });
  expect(compared(cells, 1)!.ratio.value).toBeCloseTo(1);
});

test('what began nowhere else has a ratio of at least so much, what began nowhere here an upper bound', () => {
  const onlyHere = compared([
    ...Array.from({ length: 9 }, (_, c) => cell(c, [1], 100, 2)),
    cell(9, [2], 100, 0),
  ])!;
  expect(onlyHere.ratio).toMatchObject({ isAtLeast: true });
  const onlyThere = compared([
    cell(0, [1], 1_000, 0),
    ...Array.from({ length: 9 }, (_, c) => cell(1 + c, [2], 100, 5)),
  ])!;
  expect(onlyThere.ratio).toMatchObject({ value: 0, low: 0 });
  expect(onlyThere.ratio.high).toBeLessThan(0.5);
  expect(compared([cell(0, [1], 100, 4)])).toBeUndefined();
});

/** Customers of very different sizes and rates; a fifth of each customer’s gateways are of the other kind. */
function clustered(
  chance: Chance,
  truth: { customers: number; carriers: number; base: number; ratio: number },
) {
  const frailty = 0.8;
  return Array.from({ length: truth.customers }, (_, c) => {
    const gateways = chance.pareto(1.2, 200);
    const factor = Math.exp(frailty * chance.normal() - frailty ** 2 / 2);
    const others = Math.floor(gateways / 5);
    const of = (code: number, count: number) => {
      const rate = truth.base * factor * (code === 1 ? truth.ratio : 1);
      return count > 0
        ? [cell(c, [code], 30 * count, Math.min(30 * count, chance.poisson(30 * count * rate)))]
        : [];
    };
    const own = c < truth.carriers ? 1 : 2;
    return [...of(own, gateways - others), ...of(3 - own, others)];
  }).flat();
}

test.each([
  { customers: 200, carriers: 40, base: 0.001, ratio: 3 },
  { customers: 200, carriers: 12, base: 0.002, ratio: 3 },
  { customers: 100, carriers: 20, base: 0.005, ratio: 1 },
])('of intervals of ratios at least 93 in 100 hold the truth: %j', (truth) => {
  const chance = new Chance(11, `ratios ${truth.carriers}`);
  const found = Array.from({ length: 500 }, () => compared(clustered(chance, truth))).filter(
    (one) => one && one.onsets.carriers >= 3 && one.onsets.others >= 3,
  );
  const held = found.filter((one) => one!.ratio.low <= truth.ratio && truth.ratio <= one!.ratio.high);
  expect(held.length / found.length).toBeGreaterThanOrEqual(0.93);
});

test('of ratios where customers have outages, at least 93 in 100 hold the truth', () => {
  const chance = new Chance(17, 'outages');
  const found = Array.from({ length: 400 }, () => {
    const cells = Array.from({ length: 120 }, (_, c) => {
      // On some days two thirds of all that a customer has are hit at once.
      const outages = chance.poisson(0.15);
      const gateways = 1 + chance.below(20);
      return cell(c, [c < 40 ? 1 : 2], 30 * gateways, outages * Math.round((2 * gateways) / 3));
    });
    return compared(cells)!;
  });
  const held = found.filter(({ ratio }) => ratio.low <= 1 && 1 <= ratio.high);
  expect(held.length / found.length).toBeGreaterThanOrEqual(0.93);
});

test('without a difference p-values are as rare as they say, though customers differ', () => {
  const chance = new Chance(13, 'p-values');
  const truth = { customers: 100, carriers: 20, base: 0.005, ratio: 1 };
  const pValues = Array.from({ length: 800 }, () => compared(clustered(chance, truth))?.pValue ?? 1);
  expect(pValues.filter((p) => p < 0.05).length / pValues.length).toBeLessThan(0.08);
  expect(pValues.filter((p) => p < 0.001).length / pValues.length).toBeLessThan(0.005);
});
