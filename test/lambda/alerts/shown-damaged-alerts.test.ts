import { fleetScope } from '../../../core/audit/actions.ts';
import type { LogFields } from '../../../core/log.ts';
import type { AlertItem } from '../../../core/model.ts';
import type { PatternEvidence } from '../../../core/patterns/evidence.ts';
import * as shown from '../../../lambda/alerts/show-alerts.ts';
import { fleetPattern, fleetPatterns } from '../../../lambda/alerts/show-patterns.ts';
import { alertsApiDeps } from '../../support/alerts-api-deps.ts';
import { startDynamo, type TestDynamo } from '../../support/dynamo.ts';
import { firingAlert } from '../../support/firing-alert.ts';
import { t0 } from '../../support/fleet.ts';

let dynamo: TestDynamo;
let deps: Awaited<ReturnType<typeof alertsApiDeps>>;
let logged: unknown[];
beforeAll(async () => {
  dynamo = await startDynamo();
});
beforeEach(async () => {
  logged = [];
  deps = await alertsApiDeps(dynamo, t0);
});
afterAll(() => dynamo.close());

const asked = ({ tenantId = 'acme', alertKey = '', query = {} } = {}) =>
  ({
    ...{ principal: { kind: 'operator', id: 'o' }, tenantId, params: { alertKey }, query },
    body: { episode: 1, reason: 'nothing helped' },
    log: (level: string, event: string, fields?: LogFields) => void logged.push([level, event, fields]),
  }) as never;
type Damage = Partial<Record<keyof AlertItem, unknown>>;
async function put(gatewayId: string, over: Damage = {}): Promise<string> {
  const item = { ...firingAlert({ tenantId: 'acme', gatewayId, summary: 'memory' }), changedAt: t0 };
  await deps.alerts.put({ ...item, ...over } as AlertItem);
  return item.alertKey;
}
const lineOf = (alertKey: string, field: string) => ['error', 'alert.damaged', { alertKey, field }];
const refusedFor = (alertKey: string, field: string) => ({
  code: 'INTERNAL',
  message: `the stored alert ${alertKey} is damaged: its ${field} is not what it must be`,
  hint: expect.stringContaining('Alerts table'),
});

const damages: [field: string, Damage][] = [
  ['audit', { audit: undefined, state: 'PENDING', pendingSince: t0 }],
  ['audit', { audit: 'none' }],
  ['outbox', { outbox: undefined }],
  ['state', { state: 'BURNING' }],
  ['severity', { severity: undefined }],
  ['version', { version: 'one' }],
];

test.each(damages)(
  'a list leaves out an alert whose %s is damaged, and the log says so: %j',
  async (field, over) => {
    const whole = await put('gw-1');
    const damaged = await put('gw-2', over);
    const keysOf = ({ alerts }: { alerts: { alertKey: string }[] }) => alerts.map(({ alertKey }) => alertKey);
    expect(keysOf(await shown.listAlerts(deps, asked({ query: { state: 'all' } })))).toEqual([whole]);
    expect(logged).toEqual([lineOf(damaged, field)]);
    expect(keysOf(await shown.listAlerts(deps, asked()))).toEqual([whole]);
    expect(keysOf(await shown.fleetAlerts(deps, asked()))).toEqual([whole]);
  },
);

test.each(damages)(
  'asked for by its key, an alert whose %s is damaged is told to be so: %j',
  async (field, over) => {
    const alertKey = await put('gw-1', over);
    const before = await deps.alerts.get({ alertKey });
    const { getAlert, alertTrail, ackAlert, unackAlert, escalateAlert } = shown;
    for (const ask of [getAlert, alertTrail, ackAlert, unackAlert, escalateAlert]) {
      await expect(ask(deps, asked({ alertKey }))).rejects.toMatchObject(refusedFor(alertKey, field));
      await expect(ask(deps, asked({ alertKey, tenantId: 'globex' }))).rejects.toMatchObject({
        code: 'NOT_FOUND',
      });
    }
    expect(await deps.alerts.get({ alertKey })).toEqual(before);
  },
);

test('pages between which damaged alerts stand lose and repeat no other', async () => {
  const each = Array.from({ length: 150 }, (_, i) => i);
  const whole = await Promise.all(each.map((i) => put(`gw-${i}`, { changedAt: t0 - i })));
  await Promise.all(each.map((i) => put(`bad-${i}`, { changedAt: t0 - i, audit: 'none' })));
  for (const list of [shown.listAlerts, shown.fleetAlerts]) {
    const seen: string[] = [];
    for (let next: string | undefined = ''; next !== undefined;) {
      const page: Awaited<ReturnType<typeof shown.listAlerts>> = await list(
        deps,
        asked({ query: next === '' ? {} : { next } }),
      );
      seen.push(...page.alerts.map(({ alertKey }) => alertKey));
      next = page.next;
    }
    expect(seen.toSorted()).toEqual(whole.toSorted());
  }
});

test.each<[field: string, Damage]>([
  ['audit', { audit: undefined, state: 'PENDING', pendingSince: t0 }],
  ['pattern', { pattern: null }],
  ['pattern', { pattern: {} }],
])(
  'a pattern whose %s is damaged is not listed, and told to be so where it is asked for: %j',
  async (field, over) => {
    const pattern: PatternEvidence = {
      ...{ conditionId: 'Offline', attribute: 'region', value: 'north', windowMs: 900_000, foundAt: t0 },
      ...{ hitCustomers: 30, failingGateways: 60, expectedCustomers: 1.5, logPValue: -90 },
      ...{ carriers: { customers: 40, gateways: 80 }, indistinguishable: [], gateways: [] },
    };
    const of = { tenantId: fleetScope, gatewayId: '', conditionId: 'Pattern', pattern };
    const whole = await put('1', of);
    const damaged = await put('2', { ...of, ...over });
    const { patterns } = await fleetPatterns(deps, asked({ query: { state: 'all' } }));
    expect(patterns.map(({ alertKey }) => alertKey)).toEqual([whole]);
    expect(logged).toEqual([lineOf(damaged, field)]);
    await expect(fleetPattern(deps, asked({ alertKey: damaged }))).rejects.toMatchObject(
      refusedFor(damaged, field),
    );
    const ofTenant = await put('gw-1', { audit: undefined, state: 'PENDING', pendingSince: t0 });
    await expect(fleetPattern(deps, asked({ alertKey: ofTenant }))).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  },
);
