import { silentLog } from '../../../core/log.ts';
import { requests } from '../../../core/api.ts';
import { conditions } from '../../../core/conditions/conditions.ts';
import type { ApiRequest } from '../../../lambda/aws/http-handler.ts';
import { conditionSettingsTable } from '../../../lambda/aws/tables.ts';
import {
  deleteCondition,
  listConditions,
  putCondition,
  type ConditionSettingsDeps,
} from '../../../lambda/alerts/condition-settings.ts';
import { startDynamo, type TestDynamo } from '../../support/dynamo.ts';
import { conditionLimits } from '../../support/fleet.ts';

let dynamo: TestDynamo;
let deps: ConditionSettingsDeps;
beforeAll(async () => {
  dynamo = await startDynamo();
});
beforeEach(async () => {
  const names = await dynamo.createTables();
  const settings = conditionSettingsTable(names.CONDITION_SETTINGS_TABLE, dynamo.client);
  deps = { settings, limits: conditionLimits };
});
afterAll(() => dynamo.close());

function request(tenantId: string, conditionId = '', body: object = {}) {
  const principal = { kind: 'tenant', id: 'tok-1', tenantId, role: 'tenant-admin' } as const;
  const parsed = requests.putCondition.parse(body);
  // One shape serves every route here: those without a body do not look at it.
  return {
    principal,
    tenantId,
    params: { conditionId },
    query: {},
    body: parsed,
    log: silentLog,
  } as never as ApiRequest<'putCondition'>;
}
const put = (conditionId: string, body: object, tenantId = 'acme') =>
  putCondition(deps, request(tenantId, conditionId, body));
const list = (tenantId = 'acme') => listConditions(deps, request(tenantId) as never);
const one = async (conditionId: string, tenantId = 'acme') =>
  (await list(tenantId)).conditions.find((c) => c.conditionId === conditionId);

test('lists every condition as the table has it, until the tenant sets one otherwise', async () => {
  const before = await list();
  expect(before.version).toBe(0);
  expect(before.conditions.map(({ conditionId }) => conditionId)).toEqual(conditions.map(({ id }) => id));
  const set = await put('MemoryHigh', { raiseAt: 0.98, severity: 'critical' });
  expect(set).toMatchObject({
    version: 1,
    condition: { raiseAt: 0.98, clearAt: 0.85, severity: 'critical' },
  });
  expect(await one('MemoryHigh')).toEqual(set.condition);
  expect(await one('MemoryHigh', 'other')).toMatchObject({ raiseAt: 0.95, severity: 'warning' });
});

test('what the next request leaves out is the table’s again, and other conditions stay as they are', async () => {
  await put('MemoryHigh', { raiseAt: 0.98 });
  await put('FsFull', { isOff: true });
  await put('MemoryHigh', { forMs: 0 });
  expect(await one('MemoryHigh')).toMatchObject({ raiseAt: 0.95, forMs: 0 });
  expect(await one('FsFull')).toMatchObject({ isOff: true });
  await deleteCondition(deps, request('acme', 'FsFull') as never);
  expect(await one('FsFull')).not.toHaveProperty('override');
  expect((await put('MemoryHigh', {})).condition).not.toHaveProperty('override');
  expect((await list()).version).toBe(5);
});

test('two who set different conditions at the same time both do', async () => {
  await Promise.all(['MemoryHigh', 'FsFull', 'OomKill'].map((id) => put(id, { severity: 'info' })));
  const severities = await Promise.all(
    ['MemoryHigh', 'FsFull', 'OomKill'].map(async (id) => (await one(id))?.severity),
  );
  expect(severities).toEqual(['info', 'info', 'info']);
});

test('refuses what cannot be, what is not there, and what was changed since', async () => {
  await expect(put('MemoryHigh', { raiseAt: 0.1 })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  await expect(put('Nonsense', { severity: 'info' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(put('__proto__', { severity: 'info' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await put('MemoryHigh', { severity: 'info', ifVersion: 0 });
  await expect(put('MemoryHigh', { severity: 'info', ifVersion: 0 })).rejects.toMatchObject({
    code: 'CONFLICT',
    message: 'the settings of conditions have version 1 by now',
  });
});
