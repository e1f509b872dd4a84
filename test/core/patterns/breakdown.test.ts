import { attributeNames, attributesOf, networkOf } from '../../../core/patterns/attributes.ts';
import { breakdownLines, breakdownOf, rateOf } from '../../../core/patterns/breakdown.ts';
import { gatewayItem, statusItem } from '../../support/fleet.ts';
import { conditionId, sceneFleet } from '../../support/patterns.ts';

/** 20 customers of two gateways; one gateway of each runs version 2, and six of those fail, and one other. */
const fleet = sceneFleet({
  customers: 20,
  values: (_, gateway) => ({ version: gateway === 0 ? '2' : '1' }),
  failing: (customer, gateway) => (gateway === 0 ? customer < 6 : customer === 0) && 0,
});

test('a breakdown counts customers and gateways of each value, and those of them that fail', () => {
  const breakdown = breakdownOf(fleet, 0, 7);
  expect(breakdown).toMatchObject({ attribute: 'version', at: 7, left: 0 });
  expect(breakdown.all).toEqual({
    customers: 20,
    gateways: 40,
    failing: { [conditionId]: { gateways: 7, customers: 6 } },
  });
  const [worst, other] = breakdownLines(breakdown, conditionId);
  expect(worst).toMatchObject({
    value: '2',
    customers: 20,
    gateways: 20,
    failing: { gateways: 6, customers: 6 },
  });
  expect(worst!.ratio).toBeCloseTo(6);
  expect(other).toMatchObject({ value: '1', failing: { gateways: 1, customers: 1 } });
});

test('a value that nobody fails with has an interval from none, and one without others to compare with no ratio', () => {
  const rate = rateOf(0, 100);
  expect(rate).toMatchObject({ value: 0, low: 0 });
  expect(rate.high).toBeCloseTo(0.037, 3);
  const alone = sceneFleet({ customers: 9, values: () => ({ version: '1' }), failing: () => 0 });
  expect(breakdownLines(breakdownOf(alone, 0, 0), conditionId)[0]!.ratio).toBeUndefined();
});

test('what is most carried is listed, and the rest is counted', () => {
  const many = sceneFleet({
    customers: 300,
    values: (customer) => ({ kernel: customer < 10 ? 'old' : `k-${customer}` }),
    failing: () => false,
  });
  const { rows, left } = breakdownOf(many, 0, 0);
  expect(rows[0]).toMatchObject({ value: 'old', gateways: 20 });
  expect([rows.length, left]).toEqual([200, 91]);
});

test('a gateway’s values come from its labels, its status, its route, its address and its inventory', () => {
  const gateway = gatewayItem({
    labels: { site: 'Oslo', region: 'north', rolloutWave: 'w1' },
    activatedFrom: { address: '192.0.2.17' },
  });
  const values = attributesOf({
    gateway: { ...gateway, network: networkOf(gateway.activatedFrom!.address!) },
    status: statusItem({}, { agentVersion: '7.3' }),
    facts: ['Debian 13', '6.1', '24', 'c', 'm', 'kvm', 'ST8', 'ST8 F1'],
  });
  const named = Object.fromEntries(attributeNames.map((name, i) => [name, values[i]]));
  expect(named).toEqual({
    ...{ agentVersion: '7.3', cell: 'cell-1', network: '192.0.0.0/16' },
    ...{ region: 'north', isp: undefined, rolloutWave: 'w1' },
    ...{ os: 'Debian 13', kernel: '6.1', nodeVersion: '24', cpuModel: 'c' },
    ...{ hardwareModel: 'm', hypervisor: 'kvm', diskModel: 'ST8', diskFirmware: 'ST8 F1' },
  });
});

test.each([
  ['198.51.100.7', '198.51.0.0/16'],
  ['::ffff:198.51.100.7', '198.51.0.0/16'],
  ['2001:DB8:1::1', '2001:db8::/32'],
  ['::1', undefined],
  ['nonsense', undefined],
])('the network of %s is %s', (address, network) => expect(networkOf(address)).toBe(network));
