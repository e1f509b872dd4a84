import type { Failing } from '../../../core/alerts/failing.ts';
import { patternSteps } from '../../../core/alerts/pattern-alerts.ts';
import type { AlertItem } from '../../../core/model.ts';
import { attributeNames } from '../../../core/patterns/attributes.ts';
import type { Pattern } from '../../../core/patterns/find-patterns.ts';
import { conditionLimits as limits, minutes, t0 } from '../../support/fleet.ts';

const found = (attribute: string, value: string, over: Partial<Pattern> = {}): Pattern => ({
  ...{
    conditionId: 'Offline',
    attribute,
    value,
    windowMs: 15 * minutes,
    hitCustomers: 40,
    failingGateways: 40,
  },
  ...{ expectedCustomers: 1, riskRatio: 40, logPValue: -99, indistinguishable: [] },
  carriers: { customers: 50, gateways: 50 },
  outside: { customers: 50, gateways: 50, hitCustomers: 0, failingGateways: 0 },
  ...over,
});
/** So many customers of the north, all with one provider, that failed so long ago. */
const north = (count: number, { isNow = true, ageMs = 0 } = {}): Failing[] =>
  Array.from({ length: count }, (_, i) => ({
    ...{ gatewayId: `gw-${i}`, tenantId: `customer-${i}`, site: undefined, conditionId: 'Offline' },
    values: attributeNames.map((name) => ({ region: 'north', isp: 'fjordnet' })[name as string]),
    ...{ since: t0 - ageMs, isNow, isUntold: true, components: [''] },
  }));

/** One tick; answers with the alerts that it leaves. */
function tick(
  alerts: ReadonlyMap<string, AlertItem>,
  patterns: Pattern[],
  failing: Failing[],
  now = t0,
): Map<string, AlertItem> {
  const seen = {
    found: { patterns, fleetEvents: [] },
    open: alerts,
    failing,
    gatewayCount: 100,
    now,
    limits,
  };
  const next = new Map(alerts);
  for (const { alertKey, apply } of patternSteps(seen)) {
    const item = apply(alerts.get(alertKey), now);
    if (item && item.version > 0) next.set(alertKey, item);
  }
  return next;
}
const states = (alerts: ReadonlyMap<string, AlertItem>): string[] =>
  [...alerts.values()].map(({ state }) => state);

const isp = { attribute: 'isp', value: 'fjordnet', jaccard: 0.9 };
const region = { attribute: 'region', value: 'north', jaccard: 0.9 };

test('of values that nobody can tell apart, the one that was named first stays', () => {
  const first = tick(new Map(), [found('region', 'north', { indistinguishable: [isp] })], north(40));
  const second = tick(
    first,
    [found('isp', 'fjordnet', { indistinguishable: [region] })],
    north(40),
    t0 + minutes,
  );
  expect([...second.keys()]).toEqual([...first.keys()]);
  expect(states(second)).toEqual(['FIRING']);
});

test('a pattern lasts while its customers fail, or came to fail within its window, and ends with the last tenth', () => {
  const open = tick(new Map(), [found('region', 'north')], north(40));
  const end = (failing: Failing[], found: Pattern[] = []) => {
    let alerts = open;
    for (const at of [1, 20, 30]) alerts = tick(alerts, found, failing, t0 + at * minutes);
    return states(alerts);
  };
  expect(end(north(4))).toEqual(['FIRING']);
  expect(end(north(3))).toEqual(['RESOLVED']);
  expect(end(north(40, { isNow: false, ageMs: -10 * minutes }))).toEqual(['FIRING']);
  // The detector has them in its day for hours still.
  expect(end(north(40, { isNow: false }), [found('region', 'north', { windowMs: 60 * minutes })])).toEqual([
    'RESOLVED',
  ]);
});

test('what it was found by is written anew when it says a tenth more, and not with each tick', () => {
  const open = tick(new Map(), [found('region', 'north')], north(40));
  const again = (hitCustomers: number) => [
    ...tick(open, [found('region', 'north', { hitCustomers })], north(40)).values(),
  ];
  expect(again(43)).toEqual([...open.values()]);
  expect(again(44)[0]).toMatchObject({ version: 1, pattern: { hitCustomers: 44, foundAt: t0 } });
});
