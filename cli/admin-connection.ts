import http from 'node:http';
import https from 'node:https';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { z } from 'zod';
import type { requests } from '../core/api.ts';
import { allAlerts } from './all-pages.ts';
import { createApiClient, type ApiClient } from './api-client.ts';
import { resolveContext, type ContextFlags } from './context.ts';

/**
 * What the admin process talks to: the HTTP API as its identity, and SQS with AWS's own credentials, or on one machine
 * with those that `holdfast up` left for its user.
 */
export function adminConnection(flags: ContextFlags, env: Record<string, string | undefined>) {
  const context = resolveContext(flags, env);
  const api = createApiClient(context);
  const { sqsEndpoint, region } = context;
  const owner = resolveContext(
    { ...flags, tokenFile: undefined },
    { ...env, HOLDFAST_TOKEN_FILE: undefined },
  );
  const local =
    sqsEndpoint !== undefined && owner.identity.kind === 'operator'
      ? { endpoint: sqsEndpoint, credentials: owner.identity.keys }
      : {};
  return {
    // The agents that know the proxies: the client's own would not.
    sqs: new SQSClient({
      region,
      requestHandler: { httpAgent: http.globalAgent, httpsAgent: https.globalAgent },
      ...local,
    }),
    sqsEndpoint,
    api: adminApi(api),
  };
}

export const adminApi = (api: ApiClient) => ({
  listOpenAlerts: () => allAlerts(api, 'open'),
  listSubscriptions: () => api.call('listSubscriptions'),
  getAlert: async (alertKey: string) => (await api.call('getAlert', { params: { alertKey } })).alert,
  escalateAlert: async (alertKey: string, body: z.input<typeof requests.escalateAlert>) =>
    (await api.call('escalateAlert', { params: { alertKey }, body })).alert,
  getGateway: async (gatewayId: string) => (await api.call('getGateway', { params: { gatewayId } })).gateway,
  getConfiguration: async (gatewayId: string) =>
    (await api.call('getConfiguration', { params: { gatewayId } })).configuration,
  submitCommand: async (gatewayId: string, body: z.input<typeof requests.submitCommand>) =>
    (await api.call('submitCommand', { params: { gatewayId }, body })).command,
  getCommand: async (gatewayId: string, commandId: string) =>
    (await api.call('getCommand', { params: { gatewayId, commandId } })).command,
  putSubscription: async (subscriptionId: string, body: z.input<typeof requests.putSubscription>) =>
    (await api.call('putSubscription', { params: { subscriptionId }, body })).subscription,
  confirmSubscription: async (subscriptionId: string, challenge: string) =>
    (await api.call('confirmSubscription', { params: { subscriptionId }, body: { challenge } })).subscription,
});
