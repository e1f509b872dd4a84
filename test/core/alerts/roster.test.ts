import { jest } from '@jest/globals';
import { Roster } from '../../../core/alerts/roster.ts';
import { SiteSizes } from '../../../core/alerts/site-sizes.ts';
import { reconnectsPerHour, tellingHellos, type FreshInput } from '../../../core/conditions/signals.ts';
import { conditionLimits, gatewayItem, hours, minutes, statusItem, t0 } from '../../support/fleet.ts';
import { Codes } from '../../../core/patterns/codes.ts';
import { seeded } from '../../support/random.ts';

describe('a roster', () => {
  it('gives back what a look needs of a gateway, of 3,000 as of one', () => {
    const roster = new Roster();
    roster.begin();
    for (let i = 0; i < 3_000; i++)
      roster.put(
        gatewayItem({
          gatewayId: `gw-${i}`,
          tenantId: `t-${i % 7}`,
          createdAt: t0 - i,
          labels: i % 2 === 0 ? { region: `r-${i % 5}`, site: 'Oslo' } : undefined,
          activatedFrom: { address: `192.${i % 200}.2.1` },
        }),
      );
    expect(roster.take('gw-2468')).toEqual({
      gatewayId: 'gw-2468',
      tenantId: 't-4',
      status: 'active',
      createdAt: t0 - 2468,
      labels: { region: 'r-3', site: 'Oslo' },
      network: '192.68.0.0/16',
      route: { cellId: 'cell-1', epoch: 7, connectedAt: t0 - hours },
      routeLostAt: undefined,
      recentHellos: [t0 - hours],
      cloneSeenAt: undefined,
      newestEpoch: 7,
    });
    expect(roster.take('gw-2469')!.labels).toBeUndefined();
    expect([...roster.rest()]).toHaveLength(2_998);
  });

  it('takes over what is new of a gateway: a lost route, a clone, a revocation, labels that are gone', () => {
    const roster = new Roster();
    const [before] = [gatewayItem({ labels: { isp: 'fjordnet' } })];
    roster.begin();
    roster.put(before);
    roster.end();
    roster.begin();
    roster.put({
      ...before,
      ...{ route: undefined, routeLostAt: t0, cloneSeenAt: t0 - 5, labels: {}, status: 'revoked' },
      recentHellos: [t0 - 20 * minutes, t0 - 10 * minutes],
    });
    expect(roster.take('gw-1')).toMatchObject({
      ...{ route: undefined, routeLostAt: t0, cloneSeenAt: t0 - 5, labels: undefined, status: 'revoked' },
      recentHellos: [t0 - 20 * minutes, t0 - 10 * minutes],
    });
  });

  it('gives each gateway once a look, however often a scan shows its status', () => {
    const roster = new Roster();
    roster.begin();
    roster.put(gatewayItem());
    roster.put(gatewayItem());
    expect(roster.take('gw-1')).toBeDefined();
    expect(roster.take('gw-1')).toBeUndefined();
    expect([...roster.rest()]).toEqual([]);
    expect(roster.take('nobody')).toBeUndefined();
  });

  it('forgets who is not in the table any more', () => {
    const roster = new Roster();
    for (const ids of [['gw-1', 'gw-2'], ['gw-2']]) {
      roster.begin();
      roster.forgetAll();
      for (const gatewayId of ids) roster.put(gatewayItem({ gatewayId }));
      roster.end();
    }
    expect([...roster.rest()].map(({ gatewayId }) => gatewayId)).toEqual(['gw-2']);
  });

  it('forgets labels that nobody has any more, with what was put before', () => {
    const roster = new Roster();
    roster.begin();
    const codes = jest.spyOn(Codes.prototype, 'of');
    for (let i = 0; i < 100; i++) roster.put(gatewayItem({ labels: { site: `s${i}` } }));
    roster.put(gatewayItem({ gatewayId: 'gw-2' }));
    roster.forgetAll();
    codes.mockClear();
    roster.put(gatewayItem({ labels: { site: 'new' } }));
    expect(codes.mock.results.every(({ value }) => Number(value) < 10)).toBe(true);
    codes.mockRestore();
    expect([...roster.rest()].map(({ gatewayId, labels }) => [gatewayId, labels])).toEqual([
      ['gw-1', { site: 'new' }],
    ]);
  });

  it('serves one look at a time', () => {
    const roster = new Roster();
    expect([roster.begin(), roster.begin()]).toEqual([true, false]);
    roster.end();
    expect(roster.begin()).toBe(true);
  });
});

test('the hellos that are kept say as much as all of them, now and later', () => {
  const random = seeded(3);
  for (let round = 0; round < 2_000; round++) {
    const recentHellos: number[] = [];
    let at = t0;
    for (let i = 0; i < random() * 17; i++) recentHellos.push((at += random() * random() * 3 * hours));
    const of = (hellos: readonly number[], now: number) => {
      const gateway = { ...gatewayItem(), recentHellos: hellos };
      const input = { gateway, status: statusItem(), now, limits: conditionLimits } as unknown as FreshInput;
      return [reconnectsPerHour(input), hellos.at(-1)];
    };
    const kept = tellingHellos(recentHellos);
    for (const later of [0, 10 * minutes, 59 * minutes, 2 * hours])
      expect(of(kept, at + later)).toEqual(of(recentHellos, at + later));
  }
});

test('sites are counted by customer and label, for those that are asked for', () => {
  const sizes = new SiteSizes();
  for (const [customer, site] of [
    [0, 'Oslo'],
    [0, 'Oslo'],
    [0, undefined],
    [1, 'Oslo'],
  ] as const)
    sizes.add(customer, site);
  expect(sizes.of(new Set(['acme']), ['acme', 'globex'])).toEqual(
    new Map([
      ['acme Oslo', 2],
      ['acme ', 1],
    ]),
  );
});
