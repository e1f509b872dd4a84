import { newAlert, observed } from '../../../core/alerts/lifecycle.ts';
import type { SilenceItem } from '../../../core/alerts/model.ts';
import { newSilence } from '../../../core/alerts/silences.ts';
import { isOpenAlert } from '../../../core/alerts/alert-view.ts';
import { conditionById } from '../../../core/conditions/conditions.ts';
import { silentLog } from '../../../core/log.ts';
import type { AlertItem, CommandItem } from '../../../core/model.ts';
import type { ApiRequest } from '../../../lambda/aws/http-handler.ts';
import { dynamoAlertStore } from '../../../lambda/alerts/alert-store.ts';
import {
  ackAlert,
  escalateAlert,
  alertTrail,
  fleetAlerts,
  getAlert,
  listAlerts,
  unackAlert,
} from '../../../lambda/alerts/show-alerts.ts';
import { alertsApiDeps } from '../../support/alerts-api-deps.ts';
import { startDynamo, type TestDynamo } from '../../support/dynamo.ts';
import { conditionLimits, gatewayItem, statusItem, t0 } from '../../support/fleet.ts';

let dynamo: TestDynamo;
let deps: Awaited<ReturnType<typeof alertsApiDeps>>;
beforeAll(async () => {
  dynamo = await startDynamo();
});
beforeEach(async () => {
  deps = await alertsApiDeps(dynamo, t0 + 5000);
});
afterAll(() => dynamo.close());

const condition = conditionById.get('VolumeIrrecoverable')!;
function alert(over: Partial<AlertItem> = {}, component = 'vol-1'): AlertItem {
  const gateway = gatewayItem({ tenantId: over.tenantId ?? 'acme' });
  const o = { condition, component, level: 'raised' as const, value: 1 };
  return { ...observed(newAlert(gateway, o), o, t0, conditionLimits), ...over };
}
function request(tenantId: string | undefined, alertKey = '', query: Record<string, string> = {}) {
  const principal = { kind: 'tenant', id: 'tok-1', tenantId: tenantId ?? '', role: 'tenant-admin' } as const;
  // One shape serves every route here.
  return {
    principal,
    tenantId,
    params: { alertKey },
    query,
    body: {},
    log: silentLog,
  } as never as ApiRequest<'getAlert'>;
}
const put = async (item: AlertItem): Promise<AlertItem> => {
  await deps.alerts.put(item);
  return item;
};

test('lists what is open, or everything, of the tenant alone', async () => {
  const firing = await put(alert());
  const resolved = await put(alert({ state: 'RESOLVED', openShard: undefined }, 'vol-2'));
  const pending = await put(alert({ state: 'PENDING' }, 'vol-3'));
  const frozen = await put(alert({ state: 'UNKNOWN', frozenState: 'ACKED' }, 'vol-4'));
  const frozenPending = await put(alert({ state: 'UNKNOWN', frozenState: 'PENDING' }, 'vol-5'));
  await put(alert({ tenantId: 'other' }));
  const keys = async (state?: string) =>
    new Set(
      (await listAlerts(deps, request('acme', '', state ? { state } : {}) as never)).alerts.map(
        (a) => a.alertKey,
      ),
    );
  const all = [firing, resolved, pending, frozen, frozenPending];
  expect(await keys()).toEqual(new Set(all.filter(isOpenAlert).map((a) => a.alertKey)));
  expect(await keys('all')).toEqual(new Set(all.map((a) => a.alertKey)));
  await expect(keys('closed')).rejects.toMatchObject({ code: 'INVALID_INPUT' });
});

test('an alert that waits says since when, and has it on record only once it fires', async () => {
  const waiting = await put(alert({ state: 'PENDING', pendingSince: t0, audit: [] }));
  const { entries, alert: shown } = await alertTrail(deps, request('acme', waiting.alertKey) as never);
  expect(shown.audit).toEqual([{ at: t0, state: 'PENDING' }]);
  expect(entries).toEqual([{ at: t0, state: 'PENDING', what: 'alert' }]);
  expect((await deps.alerts.get({ alertKey: waiting.alertKey }))!.audit).toEqual([]);
});

test('pages through alerts of one moment without losing or repeating any', async () => {
  const all = Array.from({ length: 230 }, (_, i) => alert({}, `vol-${i}`));
  await Promise.all(all.map(put));
  for (const list of [
    (query: Record<string, string>) => listAlerts(deps, request('acme', '', query) as never),
    (query: Record<string, string>) => fleetAlerts(deps, request(undefined, '', query) as never),
  ]) {
    const seen: string[] = [];
    for (let next: string | undefined = ''; next !== undefined;) {
      const page = await list(next ? { next } : {});
      seen.push(...page.alerts.map(({ alertKey }) => alertKey));
      next = page.next;
    }
    expect(seen.sort()).toEqual(all.map(({ alertKey }) => alertKey).sort());
  }
  await expect(listAlerts(deps, request('acme', '', { next: 'x' }) as never)).rejects.toMatchObject({
    code: 'INVALID_INPUT',
  });
});

test('another tenant’s alert is not found, neither is nonsense', async () => {
  const { alertKey } = await put(alert({ tenantId: 'other' }));
  for (const ask of [getAlert, ackAlert, escalateAlert, alertTrail])
    await expect(ask(deps, request('acme', alertKey) as never)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(getAlert(deps, request('acme', '../x'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('an alert that was told of before says which silence of its tenant fits it now', async () => {
  const { alertKey } = await put(alert());
  const resolved = await put(alert({ state: 'RESOLVED', openShard: undefined }, 'vol-2'));
  const silenceOf = async (tenantId: string, over: Partial<SilenceItem>) => {
    const named = { all: true, why: 'the disk is replaced', forMs: 60_000 } as const;
    const of = { tenantId, silenceId: 'si-1', by: 'tok-1', at: t0 };
    await deps.silences.put({ ...newSilence(named, of), ...over });
  };
  const silencedBy = async () => {
    const [shown, trail, listed, fleet] = await Promise.all([
      getAlert(deps, request('acme', alertKey)),
      alertTrail(deps, request('acme', alertKey) as never),
      listAlerts(deps, request('acme') as never),
      fleetAlerts(deps, request(undefined) as never),
    ]);
    const ofFleet = fleet.alerts.find((one) => one.alertKey === alertKey)!;
    return [shown.alert, trail.alert, listed.alerts[0]!, ofFleet].map((one) => one.silencedBy);
  };
  await silenceOf('other', {});
  await silenceOf('acme', { silenceId: 'si-2', conditionId: 'Offline' });
  await silenceOf('acme', { silenceId: 'si-3', endsAt: t0 + 4000 });
  await silenceOf('acme', { silenceId: 'si-4', endedAt: t0 + 1, endedBy: 'tok-1' });
  expect(await silencedBy()).toEqual([undefined, undefined, undefined, undefined]);
  await silenceOf('acme', { silenceId: 'si-5', conditionId: 'VolumeIrrecoverable' });
  expect(await silencedBy()).toEqual(['si-5', 'si-5', 'si-5', 'si-5']);
  // It is open for the fleet as another tenant's is, whose silence fits that one alone.
  const theirs = await put(alert({ tenantId: 'other' }, 'vol-3'));
  const ofFleet = (await fleetAlerts(deps, request(undefined) as never)).alerts;
  expect(ofFleet.find((one) => one.alertKey === theirs.alertKey)?.silencedBy).toBe('si-1');
  for (const change of [ackAlert, unackAlert])
    expect((await change(deps, request('acme', alertKey) as never)).alert.silencedBy).toBe('si-5');
  await silenceOf('acme', { silenceId: 'si-6' });
  expect((await getAlert(deps, request('acme', resolved.alertKey))).alert).not.toHaveProperty('silencedBy');
});

test('an answer carries no bookkeeping', async () => {
  const { alertKey } = await put(alert());
  const { alert: shown } = await getAlert(deps, request('acme', alertKey));
  expect(shown).toMatchObject({ alertKey, state: 'FIRING', summary: expect.stringContaining('vol-1') });
  for (const hidden of ['outbox', 'version', 'openShard', 'frozenState'])
    expect(shown).not.toHaveProperty(hidden);
});

describe('what its gateway says of an alert now', () => {
  const mounted = (freeBytes: number) =>
    statusItem({ receivedAt: t0 + 3000 }, { filesystems: [{ mount: '/data', sizeBytes: 1000, freeBytes }] });
  const full = (over: Partial<AlertItem> = {}, component = '/data') => {
    const of = conditionById.get('FsFull')!;
    const o = { condition: of, component, level: 'raised' as const, value: 0.96 };
    return put({ ...alert(over, component), conditionId: of.id, value: o.value });
  };
  const latestOf = async ({ alertKey }: AlertItem) =>
    (await getAlert(deps, request('acme', alertKey))).alert.latest;

  test('is shown beside what it said when it was told', async () => {
    const item = await full();
    expect(await latestOf(item)).toBeUndefined();
    await deps.gateways.put(gatewayItem());
    await deps.status.put(mounted(15));
    expect(await latestOf(item)).toEqual({ value: 0.985, at: t0 + 3000 });
    expect((await getAlert(deps, request('acme', item.alertKey))).alert.value).toBe(0.96);
  });

  test('is nothing for what it does not name, what has no measure, and what is over', async () => {
    await deps.gateways.put(gatewayItem());
    await deps.status.put(mounted(15));
    expect(await latestOf(await full({}, '/gone'))).toBeUndefined();
    expect(await latestOf(await put(alert()))).toBeUndefined();
    expect(await latestOf(await full({ state: 'RESOLVED' }))).toBeUndefined();
  });

  test('is nothing where its stored status is damaged', async () => {
    await deps.gateways.put(gatewayItem());
    const { filesystems: _gone, ...heartbeat } = mounted(15).heartbeat;
    await deps.status.put({ ...mounted(15), heartbeat } as never);
    expect(await latestOf(await full())).toBeUndefined();
  });
});

test('acknowledging says who did, is repeatable, and needs a firing alert', async () => {
  const { alertKey, version } = await put(alert());
  const acked = await ackAlert(deps, request('acme', alertKey) as never);
  expect(acked.alert).toMatchObject({ state: 'ACKED', ackedBy: 'tok-1', ackedAt: t0 + 5000 });
  expect(acked).not.toHaveProperty('before');
  const before = { ackedAt: t0 + 5000, ackedBy: 'tok-1' };
  expect(await ackAlert(deps, request('acme', alertKey) as never)).toEqual({ ...acked, before });
  expect(await deps.alerts.get({ alertKey })).toMatchObject({ version: version + 1 });
  const because = { ...request('acme', alertKey), body: { why: 'disk is on its way' } } as never;
  expect(await ackAlert(deps, because)).toMatchObject({ alert: { ackedWhy: 'disk is on its way' }, before });
  const closed = await put(alert({ state: 'RESOLVED' }, 'vol-9'));
  await expect(ackAlert(deps, request('acme', closed.alertKey) as never)).rejects.toMatchObject({
    code: 'CONFLICT',
  });
});

test('taking an acknowledgement back says where there was none, and changes nothing then', async () => {
  const { alertKey, version } = await put(alert());
  const none = await unackAlert(deps, request('acme', alertKey) as never);
  expect(none).toMatchObject({ alert: { state: 'FIRING' }, hadNone: true });
  expect(await deps.alerts.get({ alertKey })).toMatchObject({ version });
  await ackAlert(deps, request('acme', alertKey) as never);
  const back = await unackAlert(deps, request('acme', alertKey) as never);
  expect(back).toMatchObject({ alert: { state: 'FIRING' } });
  expect(back).not.toHaveProperty('hadNone');
});

const escalation = (alertKey: string, episode: number, reason: string) =>
  ({ ...request('acme', alertKey), body: { episode, reason } }) as never;

test('an escalation marks the episode once, says who gave up and why, and changes nothing else', async () => {
  const item = await put(alert());
  const { alertKey, episode } = item;
  const { alert: marked } = await escalateAlert(
    deps,
    escalation(alertKey, episode, 'two tries did not help'),
  );
  const mark = { episode, at: t0 + 5000, by: 'tok-1', reason: 'two tries did not help' };
  expect(marked).toMatchObject({ state: 'FIRING', escalation: mark });
  expect(marked.audit.at(-1)).toEqual({
    at: t0 + 5000,
    state: 'FIRING',
    note: 'escalated by tok-1: two tries did not help',
  });
  await escalateAlert(deps, escalation(alertKey, episode, 'again'));
  expect(await deps.alerts.get({ alertKey })).toMatchObject({ escalation: mark, version: item.version + 1 });
});

test('only the episode that fires can be escalated', async () => {
  const fires = await put(alert());
  const over = await put(alert({ state: 'RESOLVED' }, 'vol-9'));
  for (const [key, episode] of [
    [fires.alertKey, fires.episode + 1],
    [over.alertKey, over.episode],
  ] as const)
    await expect(escalateAlert(deps, escalation(key, episode, 'x'))).rejects.toMatchObject({
      code: 'CONFLICT',
    });
});

test('an acknowledgement and the proxy do not overwrite each other', async () => {
  const item = await put(alert());
  await ackAlert(deps, request('acme', item.alertKey) as never);
  expect(await dynamoAlertStore(deps.alerts).put({ ...item, version: item.version + 1 })).toBe(false);
  expect(await deps.alerts.get({ alertKey: item.alertKey })).toMatchObject({ state: 'ACKED' });
});

test('the trail tells of a command that has expired before anybody wrote it down, as its own view does', async () => {
  const item = await put(alert());
  await deps.commands.put({
    ...{ gatewayId: item.gatewayId, commandId: 'c1', tenantId: 'acme', kind: 'restore.start', params: {} },
    ...{ state: 'QUEUED', attempt: 0, createdAt: t0, expiresAt: t0 + 60_000 },
    audit: [{ at: t0, state: 'QUEUED' }],
    cause: { alertKey: item.alertKey, episode: 1 },
  } as unknown as CommandItem);
  const at = async (now: number) => {
    const trail = await alertTrail({ ...deps, now: () => now }, request('acme', item.alertKey) as never);
    const [entry] = trail.entries.slice(-1);
    return [entry?.at, entry?.state, trail.commands[0]?.state];
  };
  expect(await at(t0 + 30_000)).toEqual([t0, 'QUEUED', 'QUEUED']);
  expect(await at(t0 + 70_000)).toEqual([t0 + 60_000, 'EXPIRED', 'EXPIRED']);
});

test('the trail tells alert, command and outcome in the order of time', async () => {
  const item = await put(
    alert({
      audit: [
        { at: t0, state: 'FIRING' },
        { at: t0 + 9000, state: 'RESOLVED' },
      ],
    }),
  );
  const command = (commandId: string, alertKey: string | undefined, audit: CommandItem['audit']) =>
    deps.commands.put({
      gatewayId: item.gatewayId,
      commandId,
      tenantId: 'acme',
      kind: 'restore.start',
      params: {},
      state: audit.at(-1)!.state,
      createdAt: audit[0]!.at,
      bodyHash: 'secret',
      audit,
      ...(alertKey ? { cause: { alertKey, episode: 1 } } : {}),
      outcome: { status: 'FAILED', error: { code: 'NO_SPACE', message: 'full' } },
    } as unknown as CommandItem);
  await command('c1', item.alertKey, [
    { at: t0 + 1000, state: 'QUEUED' },
    { at: t0 + 2000, state: 'FAILED' },
  ]);
  await command('c2', 'another', [{ at: t0, state: 'QUEUED' }]);
  await command('c3', undefined, [{ at: t0, state: 'QUEUED' }]);
  const trail = await alertTrail(deps, request('acme', item.alertKey) as never);
  expect(trail.entries.map(({ what, state, note }) => [what, state, note])).toEqual([
    ['alert', 'FIRING', undefined],
    ['command', 'QUEUED', undefined],
    ['command', 'FAILED', 'NO_SPACE: full'],
    ['alert', 'RESOLVED', undefined],
  ]);
  expect(trail.commands.map(({ commandId }) => commandId)).toEqual(['c1']);
  expect(JSON.stringify(trail)).not.toContain('secret');
});
