import { expectedCustomers, expectedWithChronic } from '../../../core/patterns/expected.ts';
import { chancePerGateway, expectedHits, exposureOf } from '../../../core/patterns/exposure.ts';
import { restrict } from '../../../core/patterns/fleet.ts';
import { countHits } from '../../../core/patterns/hits.ts';
import { sceneFleet } from '../../support/patterns.ts';

/** Three customers with 1, 2 and 3 carriers of x, each with one gateway more, and one that has none of it. */
const fleet = sceneFleet({
  customers: 4,
  gateways: (c) => (c === 3 ? 5 : c + 2),
  values: (c, g) => ({ version: c < 3 && g <= c ? 'x' : 'y' }),
  // Both sides of customer 1, a carrier of 2, one of customer 3’s.
  failing: (c, g) => ((c === 1 && g > 0) || (c === 2 && g === 0) || (c === 3 && g === 0)) && 30,
});
const exposure = exposureOf(fleet);
const x = exposure.tested[exposure.slots[0]![1]!]!;

test('carriers, strangers and the rest are counted by customer', () => {
  expect(x.carriers).toMatchObject({ customers: 3, gateways: 6 });
  expect(x.strangers).toMatchObject({ customers: 1, gateways: 5 });
  expect(x.rest).toMatchObject({ customers: 4, gateways: 8 });
  expect(exposure.all).toMatchObject({ customers: 4, gateways: 14 });
});

test('expected hits are Σ 1 − (1 − p)^n, and solved for p they give it back', () => {
  expect(expectedHits(x.carriers, 0.5)).toBeCloseTo(0.5 + 0.75 + 0.875, 12);
  expect(chancePerGateway(x.carriers, 2.125)).toBeCloseTo(0.5, 6);
  expect(chancePerGateway(x.carriers, 3)).toBe(1);
  expect(chancePerGateway(x.carriers, 0)).toBe(0);
});

test('failures are counted by customer too, for those with the value, without it, and strangers', () => {
  const hits = countHits(fleet, exposure, 0, 1);
  const slot = exposure.slots[0]![1]!;
  expect(hits).toMatchObject({ customers: 3, gateways: 4 });
  expect([hits.carrierCustomers[slot], hits.carrierGateways[slot]]).toEqual([2, 2]);
  expect([hits.restCustomers[slot], hits.restGateways[slot]]).toEqual([2, 2]);
  expect([hits.strangerCustomers[slot], hits.strangerGateways[slot]]).toEqual([1, 1]);
  expect(countHits(fleet, exposure, 0, 0)).toMatchObject({ customers: 0, gateways: 0 });
});

test('what is expected is the smaller of gateways by themselves and customers as a whole', () => {
  const alone = 0.1 + (1 - 0.9 ** 2) + (1 - 0.9 ** 3);
  const rates = { failingPerGateway: 0.1, hitsPerGateway: 0.01, hitsPerCustomer: 0.05 };
  // Fate is shared: 3 customers at 5 %.
  expect(expectedCustomers(x.carriers, rates)).toBeCloseTo(0.15, 12);
  // It is not: the customers outside are hit more often because they have more gateways.
  expect(expectedCustomers(x.carriers, { ...rates, hitsPerCustomer: 0.9 })).toBeCloseTo(alone, 12);
});

test('a carrier’s chance is that of the worst of its values', () => {
  const one = () => Float64Array.from([1, 1, 1]);
  const rates = { failingPerGateway: 0.1, hitsPerGateway: 0.1, hitsPerCustomer: 1 };
  const twice = [Float64Array.from([1, 2, 1])];
  const doubled = expectedWithChronic(fleet, exposure.rowsOf(x), rates, {
    perGateway: twice,
    perCustomer: [one()],
  });
  expect(doubled).toBeCloseTo(0.2 + (1 - 0.8 ** 2) + (1 - 0.8 ** 3), 12);
  const plain = expectedWithChronic(fleet, exposure.rowsOf(x), rates, {
    perGateway: [one()],
    perCustomer: [one()],
  });
  expect(plain).toBeCloseTo(expectedCustomers(x.carriers, rates), 12);
});

test('a fleet without some of its gateways is the fleet of the others', () => {
  const keep = Uint8Array.from({ length: fleet.rows }, (_, row) => (fleet.customerOf[row] === 1 ? 0 : 1));
  const rest = restrict(fleet, keep);
  expect(rest.rows).toBe(11);
  expect(exposureOf(rest).all).toMatchObject({ customers: 3, gateways: 11 });
  expect(countHits(rest, exposureOf(rest), 0, 2)).toMatchObject({ customers: 2, gateways: 2 });
});
