import { CountsGateways, logPoissonTail } from './baseline.ts';
import type { SeenGateway } from './detector.ts';

const setting = { windowMinutes: 15, conditions: ['Broken'] };
const gateway = (id: number, version: string, isBroken: boolean, isFresh = true): SeenGateway => ({
  gatewayId: `gw-${id}`,
  customerId: version === 'rare' ? 'the large one' : `customer-${id}`,
  attributes: { version, site: `site-${version}` },
  onsets: isBroken ? ['Broken'] : [],
  isFresh,
});
const scan = (gateways: SeenGateway[]) => ({ window: 0, startMs: 0, endMs: 900_000, gateways });
const many = (count: number, version: string, broken: number, isFresh = true) =>
  Array.from({ length: count }, (_, i) => gateway(i, version, i < broken, isFresh));

describe('the baseline', () => {
  it('finds a value whose gateways fail more often than all others', () => {
    const found = new CountsGateways(setting).observe(
      scan([...many(300, 'new', 20), ...many(3_000, 'old', 3)]),
    );
    expect(found).toEqual([
      { condition: 'Broken', cause: [{ attribute: 'version', value: 'new' }], alternatives: [] },
    ]);
  });

  it('finds nothing where all fail alike, and in what is not fresh', () => {
    expect(
      new CountsGateways(setting).observe(scan([...many(300, 'new', 6), ...many(3_000, 'old', 60)])),
    ).toEqual([]);
    const stale = [...many(300, 'new', 20, false), ...many(3_000, 'old', 3)];
    expect(new CountsGateways(setting).observe(scan(stale))).toEqual([]);
  });

  it('takes one customer’s trouble for a value’s: what it is here to show', () => {
    const found = new CountsGateways(setting).observe(
      scan([...many(40, 'rare', 40), ...many(3_000, 'old', 3)]),
    );
    expect(found.map(({ cause }) => cause[0]!.value)).toEqual(['rare']);
  });

  it('knows the tail of the Poisson distribution', () => {
    expect(Math.exp(logPoissonTail(1, 5))).toBeCloseTo(0.00365985, 8);
    expect(Math.exp(logPoissonTail(20, 40))).toBeCloseTo(0.00005320203, 9);
    expect(logPoissonTail(10, 4)).toBe(0);
  });
});
