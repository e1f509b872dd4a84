import { bulkRequests } from '../../../core/bulk/api.ts';
import type { BulkJobItem } from '../../../core/bulk/model.ts';
import {
  abort,
  begin,
  cancel,
  endTarget,
  finish,
  newTarget,
  releaseLease,
  startTarget,
  takeLease,
  unstartTarget,
} from '../../../core/bulk/rules.ts';
import { newBulkJob } from '../../../core/bulk/submission.ts';
import { bulkSendsTable, bulkTargetsTable } from '../../../lambda/aws/tables.ts';
import { dynamoBulkJobs, dynamoBulkTargets } from '../../../lambda/bulk/dynamo-bulk-stores.ts';
import type { BulkJobStore, BulkTargetStore } from '../../../lambda/bulk/ports.ts';
import { startDynamo, type TestDynamo } from '../../support/dynamo.ts';
import { MemoryBulkStores } from '../../support/memory-bulk-stores.ts';

interface Stores {
  jobs: BulkJobStore;
  targets: BulkTargetStore;
}
let dynamo: TestDynamo;
beforeAll(async () => void (dynamo = await startDynamo()));
afterAll(() => dynamo.close());

async function inDynamo(): Promise<Stores> {
  const names = await dynamo.createTables();
  return {
    jobs: dynamoBulkJobs(bulkSendsTable(names.BULK_SENDS_TABLE, dynamo.client)),
    targets: dynamoBulkTargets(bulkTargetsTable(names.BULK_TARGETS_TABLE, dynamo.client)),
  };
}
function inMemory(): Promise<Stores> {
  const memory = new MemoryBulkStores();
  return Promise.resolve({ jobs: memory.jobStore(), targets: memory.targetStore() });
}
function job(key: string, at = 1_000, asked: object = { all: true }): BulkJobItem {
  const body = bulkRequests.createBulkSend.parse({ kind: 'probe', ...asked });
  const submittedBy = { kind: 'operator', id: 'op' } as const;
  return newBulkJob(body, { tenantId: 'acme', idempotencyKey: key, submittedBy, at });
}

describe.each([
  ['DynamoDB', inDynamo],
  ['memory', inMemory],
])('the stores of bulk sends in %s', (_, make) => {
  let stores: Stores;
  beforeEach(async () => void (stores = await make()));
  const created = async (): Promise<string> => (await stores.jobs.create(job('a'))).bulkId;

  it('create a job once', async () => {
    const first = job('a', 1_000);
    expect(await stores.jobs.create(first)).toEqual(first);
    expect(await stores.jobs.create(job('a', 2_000))).toEqual(first);
  });

  it('keep a job of ten thousand listed gateways in one item', async () => {
    const gatewayIds = Array.from({ length: 10_000 }, (__, i) => `gw-${String(i).padStart(29, '0')}`);
    const { bulkId } = await stores.jobs.create(job('a', 1_000, { gatewayIds }));
    expect((await stores.jobs.get(bulkId))?.gatewayIds).toEqual(gatewayIds);
  });

  it('lend a job to one run until it gives it back or its time is over', async () => {
    const bulkId = await created();
    const take = (owner: string, at: number) =>
      stores.jobs.update(bulkId, takeLease(owner, { at, untilMs: at + 50 }));
    expect(await take('a', 100)).toBeDefined();
    expect(await take('a', 100)).toBeDefined();
    expect(await take('b', 150)).toBeUndefined();
    expect(await take('b', 151)).toBeDefined();
    expect(await stores.jobs.update(bulkId, releaseLease('a', 160))).toBeUndefined();
    expect(await stores.jobs.update(bulkId, releaseLease('b', 160))).toMatchObject({ dueAt: 160 });
    expect(await take('a', 161)).toBeDefined();
  });

  it('let a job be stopped until it is over, and end it from the state it is in', async () => {
    const bulkId = await created();
    await stores.jobs.update(bulkId, takeLease('a', { at: 1, untilMs: 9 }));
    expect(await stores.jobs.update(bulkId, begin('b', {}, 2))).toBeUndefined();
    expect(await stores.jobs.update(bulkId, begin('a', { WAITING: 1 }, 2))).toMatchObject({
      state: 'RUNNING',
    });
    expect(await stores.jobs.update(bulkId, cancel('by a test'))).toMatchObject({ state: 'CANCELING' });
    expect(await stores.jobs.update(bulkId, abort('a', 'too late'))).toBeUndefined();
    const end = { state: 'SUCCEEDED', counts: {}, at: 3 } as const;
    expect(await stores.jobs.update(bulkId, finish('a', 'RUNNING', end))).toBeUndefined();
    const ended = await stores.jobs.update(bulkId, finish('a', 'CANCELING', { ...end, state: 'CANCELED' }));
    expect(ended).toMatchObject({ state: 'CANCELED', endedAt: 3 });
    expect(await stores.jobs.listOpen(10)).toEqual([]);
    expect(await stores.jobs.update(bulkId, takeLease('b', { at: 99, untilMs: 100 }))).toBeUndefined();
    expect(await stores.jobs.update('none', takeLease('b', { at: 99, untilMs: 100 }))).toBeUndefined();
  });

  it('list open jobs, those first that were left longest ago', async () => {
    const ids = [];
    for (const at of [3_000, 1_000, 2_000]) ids.push((await stores.jobs.create(job(`at ${at}`, at))).bulkId);
    expect(await stores.jobs.listOpen(2)).toEqual([ids[1], ids[2]]);
  });

  it('list a tenant’s jobs newest first, page by page', async () => {
    for (const at of [1, 3, 2]) await stores.jobs.create(job(`at ${at}`, at));
    const first = await stores.jobs.list('acme', { countMax: 2 });
    expect(first.jobs.map(({ createdAt }) => createdAt)).toEqual([3, 2]);
    const second = await stores.jobs.list('acme', { countMax: 2, next: first.next });
    expect(second.jobs.map(({ createdAt }) => createdAt)).toEqual([1]);
    expect(second.next).toBeUndefined();
    expect(await stores.jobs.list('other', { countMax: 2 })).toEqual({ jobs: [] });
  });

  it('start a target once, give it back, and end it once', async () => {
    const row = newTarget('b', 'gw-1', 0);
    const update = (change: Parameters<BulkTargetStore['update']>[1]) => stores.targets.update(row, change);
    await stores.targets.create(row);
    expect(await update(startTarget('c1', 5))).toMatchObject({ state: 'SUBMITTED', commandId: 'c1' });
    await stores.targets.create(row);
    expect(await update(startTarget('c1', 6))).toBeUndefined();
    const given = await update(unstartTarget());
    expect(given).toMatchObject({ state: 'WAITING', startedAt: 5 });
    expect(given).not.toHaveProperty('commandId');
    const end = (from: 'WAITING' | 'SUBMITTED') =>
      endTarget(from, { state: 'SKIPPED', at: 7, reason: 'x'.repeat(999), hasCommand: false });
    expect(await update(end('SUBMITTED'))).toBeUndefined();
    expect((await update(end('WAITING')))?.reason).toHaveLength(300);
    expect(await update(end('WAITING'))).toBeUndefined();
  });

  it('list targets by gateway, page by page', async () => {
    for (const id of ['gw-2', 'gw-1', 'gw-3']) await stores.targets.create(newTarget('b', id, 0));
    expect((await stores.targets.list('b')).map(({ gatewayId }) => gatewayId)).toEqual([
      'gw-1',
      'gw-2',
      'gw-3',
    ]);
    const page = await stores.targets.page('b', { countMax: 2, after: 'gw-1' });
    expect(page.map(({ gatewayId }) => gatewayId)).toEqual(['gw-2', 'gw-3']);
    expect(await stores.targets.page('b', { countMax: 1 })).toHaveLength(1);
  });
});
