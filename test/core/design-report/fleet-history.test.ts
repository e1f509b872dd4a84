import { FleetDayBuilder, type Met } from '../../../core/design-report/fleet-day.ts';
import { FleetHistory } from '../../../core/design-report/fleet-history.ts';
import { designReport } from '../../../core/design-report/report.ts';
import { attributeNames } from '../../../core/patterns/attributes.ts';

const first = 20_000;
const at = (day: number): number => (first + day) * 86_400_000 + 3_600_000;
interface Seen {
  gatewayId?: string;
  tenantId?: string;
  values?: Partial<Record<(typeof attributeNames)[number], string>>;
  met?: Met[];
}
function dayOf(day: number, seen: Seen[], silent: string[] = []) {
  const builder = new FleetDayBuilder(first + day);
  for (const { gatewayId = 'gw-1', tenantId = 'acme', values = {}, met = [] } of seen) {
    const all: Seen['values'] = { agentVersion: '1.0.0', ...values };
    builder.add(
      { gatewayId, tenantId },
      attributeNames.map((name) => all?.[name]),
      met,
    );
  }
  return builder.build(new Set(silent));
}
function historyOf(days: ReturnType<typeof dayOf>[]): FleetHistory {
  const history = new FleetHistory(attributeNames, first);
  for (const day of days) history.add(day);
  return history;
}
const began = (day: number, conditionId = 'DiskFailed'): Met => ({
  conditionId,
  since: at(day),
  isNow: true,
});
const totals = ({ cells }: FleetHistory) => ({
  days: cells.reduce((all, { days }) => all + days, 0),
  onsets: cells.reduce((all, { onsets }) => all + (onsets?.get(0) ?? 0), 0),
  standing: cells.reduce((all, { standing }) => all + (standing?.get(0) ?? 0), 0),
});

test('an onset counts on its day; on the days after the gateway is not at risk', () => {
  const met = [began(0)];
  const days = [0, 1, 2].map((day) => dayOf(day, [{ met }]));
  expect(totals(historyOf(days))).toEqual({ days: 3, onsets: 1, standing: 2 });
});

test('what began after midnight waits for the next day', () => {
  expect(dayOf(0, [{ met: [began(1)] }])).toMatchObject({ onsets: {}, standing: {} });
});

test('the day of a change counts for nobody, and what is learned late is no change', () => {
  const history = historyOf([
    dayOf(0, [{ values: {} }]),
    dayOf(1, [{ values: { kernel: '6.1' }, met: [began(1)] }]),
    dayOf(2, [{ values: {} }]),
    dayOf(3, [{ values: { kernel: '6.12' }, met: [began(3)] }]),
    dayOf(4, [{ values: { kernel: '6.12' } }]),
  ]);
  expect(totals(history)).toMatchObject({ days: 4, onsets: 1 });
  const [past] = history.gateways.values();
  const kernel = attributeNames.indexOf('kernel');
  expect(past!.changes).toEqual([{ attribute: kernel, day: 3, from: 1, to: 2 }]);
});

test('of who is silent nothing is known: in a silent cell, offline for long, or never heard', () => {
  const cells = dayOf(
    0,
    [{ values: { cell: 'cell-1' } }, { gatewayId: 'gw-2', values: { cell: 'cell-2' } }],
    ['cell-1'],
  );
  expect(cells.gatewayIds).toEqual(['gw-2']);
  const offline = historyOf([dayOf(1, [{ met: [began(0, 'Offline')] }])]);
  expect(totals(offline).days).toBe(0);
  expect(dayOf(0, [{ values: { agentVersion: undefined } }]).gatewayIds).toEqual([]);
});

test('a day that comes twice or out of the window changes nothing', () => {
  const day = dayOf(0, [{}]);
  expect(totals(historyOf([day, day, dayOf(30, [{}]), dayOf(-1, [{}])])).days).toBe(1);
});

test('values too many for a day are left away, and the report says how many', () => {
  const seen = Array.from({ length: 1_010 }, (_, i) => ({
    gatewayId: `gw-${i}`,
    tenantId: `t-${i}`,
    values: { kernel: `6.1-${i < 30 ? 0 : i}` },
  }));
  const day = dayOf(0, seen);
  const kernel = attributeNames.indexOf('kernel');
  expect(day.values[kernel]).toContain('6.1-0');
  const more = dayOf(0, [
    ...seen,
    ...seen.map((one) => ({
      ...one,
      gatewayId: `${one.gatewayId}x`,
      values: { kernel: `x${one.gatewayId}` },
    })),
  ]);
  expect(more.values[kernel]).toHaveLength(1_001);
  expect(more.left['kernel']).toBe(991);
  expect(designReport(historyOf([more])).report.tooSmall.values['kernel']).toBe(1_990);
});

test('a fleet of which nothing is known has a report that says so', () => {
  const { report, lists } = designReport(new FleetHistory(attributeNames, first));
  expect(report).toMatchObject({ days: 0, gateways: 0, findings: [], releases: [] });
  expect(lists).toHaveLength(attributeNames.length);
});
