import type { BulkAnswers, BulkView } from '../../core/bulk/api.ts';
import { finalBulkStates } from '../../core/bulk/model.ts';
import { createApiClient, type ApiClient } from '../../cli/api-client.ts';
import { startLocalCloud, type TestCloud } from '../support/local-cloud.ts';
import { activateGateway, connect, type TestConnection, type TestGateway } from '../support/test-gateway.ts';

/** The template in the local cloud, schedules 60 times as fast, and gateways that answer frame by frame. */
let cloud: TestCloud;
let api: ApiClient;
let online: TestGateway[];
let offline: TestGateway;
const connections: TestConnection[] = [];

beforeAll(async () => {
  cloud = await startLocalCloud({ scheduleScale: 60 });
  api = clientOf('acme', operator());
  const gateways: TestGateway[] = [];
  for (const gatewayName of ['oslo-1', 'oslo-2', 'bergen']) {
    const { code } = await api.call('createActivationCode', { body: { gatewayName } });
    gateways.push(await activateGateway(cloud.urls['holdfast-home']?.['ApiUrl'] ?? '', code));
  }
  offline = gateways.pop()!;
  online = gateways;
  for (const [i, gateway] of online.entries()) {
    const connection = await connect(gateway, `cell-${i + 1}`, `j${i}`);
    connections.push(connection);
    void answerProbes(connection, `j${i}`);
  }
}, 120_000);
afterAll(async () => {
  for (const connection of connections) connection.close();
  await cloud.stop();
}, 60_000);

type Identity = Parameters<typeof createApiClient>[0]['identity'];
const operator = (): Identity => ({
  kind: 'operator',
  keys: () => Promise.resolve(cloud.operatorCredentials),
});
const clientOf = (tenantId: string, identity: Identity): ApiClient =>
  createApiClient({
    endpoint: cloud.urls['holdfast-home']?.['ApiUrl'] ?? '',
    cells: {},
    region: cloud.region,
    tenantId,
    identity,
  });

async function answerProbes(connection: TestConnection, journalId: string): Promise<void> {
  for (;;) {
    const { body } = await connection.next('cmd');
    const { commandId, attempt } = body;
    connection.send('cmd.ack', { commandId, attempt, journalId });
    const outcome = { status: 'SUCCEEDED', output: {} };
    connection.send('cmd.result', {
      commandId,
      attempt,
      outcome,
      startedAt: Date.now(),
      endedAt: Date.now(),
    });
  }
}

async function untilOver({ bulkId }: BulkView): Promise<BulkView> {
  for (;;) {
    const { bulk } = await api.call('getBulkSend', { params: { bulkId } });
    if ((finalBulkStates as readonly string[]).includes(bulk.state)) return bulk;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
const create = async (body: object): Promise<BulkView> => (await api.call('createBulkSend', { body })).bulk;
const targetsOf = async ({ bulkId }: BulkView): Promise<BulkAnswers['listBulkTargets']['targets']> =>
  (await api.call('listBulkTargets', { params: { bulkId } })).targets;

test('one command reaches the gateways of both cells whose name matches', async () => {
  const created = await create({ kind: 'probe', where: { name: 'oslo-*' } });
  const bulk = await untilOver(created);
  expect(bulk).toMatchObject({ state: 'SUCCEEDED', counts: { SUCCEEDED: 2 } });
  const [target] = await targetsOf(bulk);
  const { command } = await api.call('getCommand', {
    params: { gatewayId: target!.gatewayId, commandId: target!.commandId! },
  });
  expect(command).toMatchObject({ kind: 'probe', state: 'SUCCEEDED' });
}, 60_000);

test('each of its commands is on record as sent from where the bulk send came from', async () => {
  const bulk = await untilOver(await create({ kind: 'probe', where: { name: 'oslo-*' } }));
  const [target] = await targetsOf(bulk);
  const { entries } = await api.call('listAudit', { query: { gateway: target!.gatewayId } });
  const sent = entries.find(
    ({ action, subject }) => action === 'command.submit' && subject['commandId'] === target!.commandId,
  );
  expect(sent?.from).toMatchObject({ sourceIp: '127.0.0.1', requestId: bulk.from?.requestId });
}, 60_000);

test('a gateway that is offline counts, and the next wave does not begin', async () => {
  const gatewayIds = [offline, ...online].map(({ gatewayId }) => gatewayId);
  const body = { kind: 'probe', gatewayIds, whenOffline: 'refuse', waves: [1, '100%'], abortAfter: 1 };
  const bulk = await untilOver(await create(body));
  expect(bulk).toMatchObject({ state: 'ABORTED', counts: { UNREACHABLE: 1, SKIPPED: 2 } });
}, 60_000);

test('one that is canceled takes back what no gateway has', async () => {
  const created = await create({ kind: 'probe', gatewayIds: [offline.gatewayId] });
  for (;;) {
    const { bulk } = await api.call('getBulkSend', { params: { bulkId: created.bulkId } });
    if (bulk.counts.SUBMITTED === 1) break;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  await api.call('cancelBulkSend', { params: { bulkId: created.bulkId } });
  const bulk = await untilOver(created);
  expect(bulk).toMatchObject({ state: 'CANCELED', counts: { CANCELED: 1 } });
}, 60_000);

test('the same idempotency key is the same bulk send; with another body it is a conflict', async () => {
  const body = { kind: 'probe', where: { name: 'nobody' }, idempotencyKey: 'k1' };
  const first = await create(body);
  expect((await create(body)).bulkId).toBe(first.bulkId);
  await expect(create({ ...body, params: { echo: 'other' } })).rejects.toMatchObject({ code: 'CONFLICT' });
  const ended = await untilOver(first);
  expect(ended).toMatchObject({ state: 'ABORTED', reason: 'no active gateway was chosen' });
  const { bulks } = await api.call('listBulkSends');
  expect(bulks.map(({ bulkId }) => bulkId)).toContain(first.bulkId);
}, 60_000);

test('one that is over cannot be canceled', async () => {
  const { bulkId } = await untilOver(await create({ kind: 'probe', gatewayIds: [online[0]!.gatewayId] }));
  const canceled = api.call('cancelBulkSend', { params: { bulkId } });
  await expect(canceled).rejects.toMatchObject({ code: 'CONFLICT' });
}, 60_000);

test('another tenant does not see it, and who may only read cannot send', async () => {
  const { bulkId } = await create({ kind: 'probe', where: { name: 'nobody' } });
  const { token } = await api.call('createToken', { body: { role: 'tenant-read' } });
  const reader = clientOf('acme', { kind: 'tenant', token });
  expect((await reader.call('getBulkSend', { params: { bulkId } })).bulk.bulkId).toBe(bulkId);
  const body = { kind: 'probe', all: true };
  await expect(reader.call('createBulkSend', { body })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  const canceled = reader.call('cancelBulkSend', { params: { bulkId } });
  await expect(canceled).rejects.toMatchObject({ code: 'FORBIDDEN' });
  const other = clientOf('other', operator());
  for (const route of ['getBulkSend', 'listBulkTargets', 'cancelBulkSend'] as const)
    await expect(other.call(route, { params: { bulkId } })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect((await other.call('listBulkSends')).bulks).toEqual([]);
}, 60_000);

test('a gateway of another tenant is none: it counts as unreachable and gets nothing', async () => {
  const other = clientOf('other', operator());
  const { bulk } = await other.call('createBulkSend', {
    body: { kind: 'probe', gatewayIds: [online[0]!.gatewayId] },
  });
  for (;;) {
    const { bulk: now } = await other.call('getBulkSend', { params: { bulkId: bulk.bulkId } });
    if (now.state === 'PARTIAL') break;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const { targets } = await other.call('listBulkTargets', { params: { bulkId: bulk.bulkId } });
  expect(targets).toMatchObject([{ state: 'UNREACHABLE', reason: expect.stringContaining('NOT_FOUND') }]);
  expect(targets[0]).not.toHaveProperty('commandId');
}, 60_000);

test('ten thousand listed gateways are taken in one request, and one more is refused', async () => {
  const gatewayIds = Array.from({ length: 10_001 }, (_, i) => `gw-${String(i).padStart(20, '0')}`);
  const body = { kind: 'probe', gatewayIds };
  await expect(create(body)).rejects.toMatchObject({ code: 'INVALID_INPUT' });
  const { bulkId, select } = await create({ ...body, gatewayIds: gatewayIds.slice(1) });
  expect(select).toEqual({ listedCount: 10_000 });
  await api.call('cancelBulkSend', { params: { bulkId } });
}, 60_000);

test.each([
  ['no selection', {}],
  ['two selections', { all: true, gatewayIds: ['gw-1'] }],
  ['an empty where', { where: {} }],
  ['waves without a threshold', { all: true, waves: [1] }],
  ['a rate of another form', { all: true, rate: '5/h' }],
  ['a share of nothing', { all: true, abortAfter: '0%' }],
  ['parameters that the kind does not take', { all: true, params: { nonsense: 1 } }],
])('%s is INVALID_INPUT', async (_, body) => {
  await expect(create({ kind: 'probe', ...body })).rejects.toMatchObject({ code: 'INVALID_INPUT' });
});
