import { CreateQueueCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createApiClient, type ApiClient } from '../../../cli/api-client.ts';
import { subscriptionMessageSchema } from '../../../core/alert-event.ts';
import { startLocalCloud, type TestCloud } from '../../support/local-cloud.ts';
import { operatorApi } from '../../support/operator-api.ts';
import { activationBody, newAgentKey } from './api-fixture.ts';

/**
 * The API as its callers meet it: real routes, authorizers, signatures and roles, so that a grant or a variable that
 * is missing fails here.
 */
let cloud: TestCloud;
let operator: ApiClient;
let endpoint: string;
beforeAll(async () => {
  cloud = await startLocalCloud();
  endpoint = cloud.urls['holdfast-home']!['ApiUrl']!;
  operator = client({ kind: 'operator', keys: () => Promise.resolve(cloud.operatorCredentials) });
}, 180_000);
afterAll(() => cloud?.stop());

const client = (identity: Parameters<typeof createApiClient>[0]['identity']): ApiClient =>
  createApiClient({ endpoint, cells: {}, region: cloud.region, tenantId: 'acme', identity });
const tenant = (token: string): ApiClient => client({ kind: 'tenant', token });

async function newToken(role: 'tenant-admin' | 'tenant-read'): Promise<{ api: ApiClient; tokenId: string }> {
  const { token, tokenId } = await operator.call('createToken', { body: { role } });
  return { api: tenant(token), tokenId };
}

async function activated(api: ApiClient): Promise<string> {
  const { code } = await api.call('createActivationCode', { body: {} });
  const body = JSON.stringify(activationBody(code, newAgentKey()));
  const response = await fetch(`${endpoint}/v1/activate`, { method: 'POST', body });
  const answer = (await response.json()) as { gatewayId: string; cells: object[] };
  expect({ status: response.status, cells: answer.cells }).toMatchObject({ status: 200, cells: [{}, {}] });
  return answer.gatewayId;
}

describe('a tenant', () => {
  it('activates a gateway, sees it, names it and revokes it', async () => {
    const { api } = await newToken('tenant-admin');
    const gatewayId = await activated(api);
    const params = { gatewayId };
    await api.call('renameGateway', { params, body: { name: 'Oslo' } });
    expect((await api.call('listGateways')).gateways).toContainEqual(
      expect.objectContaining({ gatewayId, tenantId: 'acme', name: 'Oslo' }),
    );
    expect((await api.call('getGateway', { params })).gateway).toMatchObject({
      connection: { state: 'disconnected' },
    });
    expect((await api.call('revokeGateway', { params })).gateway.status).toBe('revoked');
    expect(cloud.logs.filter(({ event }) => event === 'gateway.close_failed')).toEqual([]);
  });

  it('cannot see or change what is another tenant’s', async () => {
    const gatewayId = await activated(operator);
    const other = operatorApi(cloud, 'other');
    const { token } = await other.call('createToken', { body: { role: 'tenant-admin' } });
    const foreign = tenant(token);
    const params = { gatewayId };
    await expect(foreign.call('getGateway', { params })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(foreign.call('revokeGateway', { params })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(
      foreign.call('submitCommand', { params, body: { kind: 'probe', params: {} } }),
    ).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect((await foreign.call('listGateways')).gateways).toEqual([]);
  });

  it('reads with a reader’s token and may do nothing else', async () => {
    const { api } = await newToken('tenant-read');
    await expect(api.call('listGateways')).resolves.toBeDefined();
    await expect(api.call('createActivationCode', { body: {} })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('is refused from the moment that its token is deleted', async () => {
    const { api, tokenId } = await newToken('tenant-read');
    await expect(api.call('listAlerts')).resolves.toEqual({ alerts: [] });
    await operator.call('deleteToken', { params: { tokenId } });
    await expect(api.call('listAlerts')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('subscribes a queue by echoing what arrived in it', async () => {
    const { api } = await newToken('tenant-admin');
    const sqs = new SQSClient({
      endpoint: cloud.endpoints['holdfast-home'],
      region: cloud.region,
      credentials: cloud.rootCredentials,
    });
    const made = await sqs.send(new CreateQueueCommand({ QueueName: 'holdfast-alerts-acme' }));
    // A queue made at run time is named by the emulator's own default address.
    const queueUrl = new URL(new URL(made.QueueUrl ?? '').pathname, cloud.endpoints['holdfast-home']).href;
    const params = { subscriptionId: 'main' };
    const put = await api.call('putSubscription', { params, body: { kind: 'sqs', queueUrl } });
    expect(put.subscription.state).toBe('pending');
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl: queueUrl, WaitTimeSeconds: 5 }),
    );
    sqs.destroy();
    const message = subscriptionMessageSchema.parse(JSON.parse(Messages[0]?.Body ?? ''));
    if (message.type !== 'challenge') throw new Error(`a ${message.type} arrived`);
    const { challenge } = message;
    const confirmed = await api.call('confirmSubscription', { params, body: { challenge } });
    expect(confirmed.subscription.state).toBe('confirmed');
    expect((await api.call('listSubscriptions')).subscriptions).toHaveLength(1);
    await api.call('deleteSubscription', { params });
  });
});

describe('the audit trail', () => {
  it('has what a tenant and an operator changed, whose request it was and where it came from', async () => {
    const { api, tokenId } = await newToken('tenant-admin');
    const gatewayId = await activated(api);
    const params = { gatewayId };
    await operator.call('renameGateway', { params, body: { name: 'Oslo' } });
    await api.call('submitCommand', { params, body: { kind: 'probe', whenOffline: 'queue' } });
    await api.call('revokeGateway', { params });
    for (const reader of [api, operator]) {
      const { entries } = await reader.call('listAudit', { query: { gateway: gatewayId } });
      expect(entries.map(({ action, actor, outcome }) => [action, actor.kind, outcome.state])).toEqual([
        ['command.final', 'tenant', 'CANCELED'],
        ['gateway.revoke', 'tenant', 'DONE'],
        ['command.submit', 'tenant', 'SUBMITTED'],
        ['gateway.rename', 'operator', 'DONE'],
        ['gateway.activate', 'gateway', 'DONE'],
      ]);
      expect(entries[1]).toMatchObject({ actor: { id: tokenId }, from: { sourceIp: '127.0.0.1' } });
    }
    expect(cloud.logs.filter(({ event }) => event === 'audit.end-lost')).toEqual([]);
  });

  it('has what a reader tried to change; that reader may not read it', async () => {
    const { api, tokenId } = await newToken('tenant-read');
    await expect(api.call('createActivationCode', { body: {} })).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(api.call('listAudit')).rejects.toMatchObject({ code: 'FORBIDDEN' });
    const { entries } = await operator.call('listAudit');
    expect(entries[0]).toMatchObject({
      action: 'activation-code.create',
      actor: { kind: 'tenant', id: tokenId },
      outcome: { state: 'REFUSED', code: 'FORBIDDEN' },
    });
  });
});

describe('an operator', () => {
  it('sees every tenant', async () => {
    const { gateways } = await operator.operator<{ gateways: { tenantId: string }[] }>('/gateways');
    expect(gateways.map(({ tenantId }) => tenantId)).toContain('acme');
    await expect(operator.operator('/alerts')).resolves.toEqual({ alerts: [] });
  });

  it('is refused without a signature', async () => {
    for (const path of ['/operator/v1/gateways', '/operator/v1/tenants/acme/tokens', '/v1/gateways'])
      expect({ path, status: (await fetch(endpoint + path)).status }).toEqual({
        path,
        status: path.startsWith('/operator') ? 403 : 401,
      });
  });
});
