import { fleetScope } from '../../../core/audit/actions.ts';
import { silentLog } from '../../../core/log.ts';
import type { AlertItem } from '../../../core/model.ts';
import type { PatternEvidence } from '../../../core/patterns/evidence.ts';
import type { ApiRequest } from '../../../lambda/aws/http-handler.ts';
import { alertTrail, listAlerts } from '../../../lambda/alerts/show-alerts.ts';
import { fleetBreakdown, fleetPattern, fleetPatterns } from '../../../lambda/alerts/show-patterns.ts';
import { alertsApiDeps } from '../../support/alerts-api-deps.ts';
import { startDynamo, type TestDynamo } from '../../support/dynamo.ts';
import { firingAlert } from '../../support/firing-alert.ts';
import { t0 } from '../../support/fleet.ts';

let dynamo: TestDynamo;
let deps: Awaited<ReturnType<typeof alertsApiDeps>>;
beforeAll(async () => {
  dynamo = await startDynamo();
  deps = await alertsApiDeps(dynamo, t0);
});
afterAll(() => dynamo.close());

const operator = { kind: 'operator', id: 'o' } as const;
const asked = (query: Record<string, string> = {}, params: Record<string, string> = {}, tenantId?: string) =>
  ({ principal: operator, tenantId, params, query, body: undefined, log: silentLog }) as never;

const evidence: PatternEvidence = {
  ...{ conditionId: 'Offline', attribute: 'region', value: 'north', windowMs: 900_000, foundAt: t0 },
  ...{ hitCustomers: 30, failingGateways: 60, expectedCustomers: 1.5, logPValue: -90 },
  carriers: { customers: 40, gateways: 80 },
  outside: { customers: 60, gateways: 120, hitCustomers: 0, failingGateways: 0 },
  indistinguishable: [],
  gateways: [{ tenantId: 'acme', gatewayId: 'gw-1' }],
};
const put = async (
  value: string,
  state: AlertItem['state'],
  over: Partial<AlertItem> = {},
): Promise<AlertItem> => {
  const of = firingAlert({ tenantId: fleetScope, gatewayId: '', summary: value });
  const alertKey = Buffer.from(value.padEnd(16, '_')).toString('hex');
  const item: AlertItem = {
    ...of,
    alertKey,
    conditionId: 'Pattern',
    state,
    pattern: { ...evidence, value },
    ...over,
  };
  await deps.alerts.put(item);
  return item;
};

test('patterns are listed by what is open, with rates and their intervals, and shown by their key', async () => {
  const open = await put('north', 'FIRING');
  const over = await put('south', 'RESOLVED');
  await put('cell-1', 'FIRING', { conditionId: 'CellSilent', pattern: undefined });
  const keys = async (query = {}) =>
    (await fleetPatterns(deps, asked(query))).patterns.map(({ alertKey }) => alertKey).sort();
  expect(await keys()).toEqual([open.alertKey]);
  expect(await keys({ state: 'all' })).toEqual([open.alertKey, over.alertKey].sort());
  const { pattern } = await fleetPattern(deps, asked({}, { alertKey: open.alertKey }));
  expect(pattern).toMatchObject({ evidence: { value: 'north' }, rates: { carriers: { value: 0.75 } } });
  expect(pattern.rates.carriers.low).toBeGreaterThan(0.59);
  expect(pattern.rates.outside!.high).toBeLessThan(0.07);
  for (const hidden of ['outbox', 'version', 'openShard', 'tenantId'])
    expect(pattern).not.toHaveProperty(hidden);
});

test('what is no pattern is not found as one, and no tenant finds one among its alerts', async () => {
  const { alertKey } = firingAlert({ tenantId: 'acme', gatewayId: 'gw-1', summary: 's' });
  await deps.alerts.put(firingAlert({ tenantId: 'acme', gatewayId: 'gw-1', summary: 's' }));
  for (const key of [alertKey, 'f'.repeat(32), '../x'])
    await expect(fleetPattern(deps, asked({}, { alertKey: key }))).rejects.toMatchObject({
      code: 'NOT_FOUND',
      hint: '`npx holdfast patterns list --all` shows them',
    });
  const { alerts } = await listAlerts(deps, asked({ state: 'all' }, {}, 'acme') as ApiRequest<'listAlerts'>);
  expect(alerts.map((alert) => alert.alertKey)).toEqual([alertKey]);
});

test('an alert about many gateways has a trail without commands', async () => {
  const item = await put('own', 'FIRING', {
    tenantId: 'acme',
    conditionId: 'SiteIncident',
    pattern: undefined,
  });
  const trail = await alertTrail(
    deps,
    asked({}, { alertKey: item.alertKey }, 'acme') as ApiRequest<'alertTrail'>,
  );
  expect(trail.entries).toHaveLength(1);
  expect(trail.commands).toEqual([]);
});

test('a breakdown is what the proxy wrote last; what is asked for wrongly is told what there is', async () => {
  await expect(fleetBreakdown(deps, asked({ by: 'kernel', condition: 'Offline' }))).rejects.toMatchObject({
    code: 'NOT_FOUND',
  });
  const all = { customers: 2, gateways: 2, failing: { Offline: { gateways: 1, customers: 1 } } };
  const rows = [{ value: '6.1', customers: 1, gateways: 1, failing: all.failing }];
  await deps.patterns.put({ itemKey: 'breakdown/kernel', attribute: 'kernel', at: t0, all, rows, left: 0 });
  const { breakdown } = await fleetBreakdown(deps, asked({ by: 'kernel', condition: 'Offline' }));
  expect(breakdown).toMatchObject({ at: t0, lines: [{ value: '6.1', rate: { value: 1 } }] });
  const wrong: Record<string, string>[] = [
    { by: 'colour', condition: 'Offline' },
    { by: 'kernel' },
    { by: 'kernel', condition: 'Bad' },
  ];
  for (const query of wrong)
    await expect(fleetBreakdown(deps, asked(query))).rejects.toMatchObject({ code: 'INVALID_INPUT' });
});
