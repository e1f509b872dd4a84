import type { IncomingMessage, ServerResponse } from 'node:http';
import { decide } from '../iam/policy.ts';
import type { Region } from '../region.ts';
import { safeDecode } from '../request-target.ts';
import { sendServiceError } from '../services/errors.ts';
import type { Identities } from '../services/identities.ts';
import { ServiceError } from '../services/service.ts';
import type { Connection } from './connection.ts';
import { readBody, sendMessage } from './request.ts';
import type { WebSocketLimits } from './websocket-limits.ts';

export interface ManagementDeps {
  readonly apiId: string;
  readonly stages: readonly string[];
  readonly region: Region;
  readonly identities: Identities;
  readonly limits: WebSocketLimits;
  readonly now: () => Date;
  readonly find: (connectionId: string) => Connection | undefined;
}

/** The `@connections` API: post to a connection, look at it, end it. Signed requests only. */
export async function handleManagement(
  request: IncomingMessage,
  response: ServerResponse,
  deps: ManagementDeps,
): Promise<void> {
  const path = safeDecode((request.url ?? '/').split('?')[0] ?? '/');
  const [, stage = '', connectionId = ''] = /^\/([^/]+)\/@connections\/([^/]+)$/.exec(path) ?? [];
  if (!deps.stages.includes(stage)) return sendMessage(response, 403, 'Forbidden');
  // Room for the limit to be found out by its own error, not by a broken connection.
  const body = await readBody(request, deps.limits.messageBytes * 4);
  if (body === 'aborted') return;
  try {
    if (body === 'too-large') throw new ServiceError('PayloadTooLargeException', 'Payload too large', 413);
    const signed = {
      method: request.method ?? 'GET',
      url: request.url ?? '/',
      headers: request.headers,
      body,
    };
    const { principal, claim } = await deps.identities.authenticate(signed, deps.now());
    if (claim.service !== 'execute-api')
      throw new ServiceError('ForbiddenException', 'Credential should be scoped to execute-api', 403);
    const resource = deps.region.arn(
      'execute-api',
      `${deps.apiId}/${stage}/${request.method}/@connections/${connectionId}`,
    );
    const decision = decide(principal, { action: 'execute-api:ManageConnections', resource });
    if (!decision.allowed) throw new ServiceError('ForbiddenException', decision.message, 403);
    await act(request.method ?? 'GET', connectionId, body, response, deps);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    sendServiceError(response, 'rest-json', error);
  }
}

async function act(
  method: string,
  connectionId: string,
  body: Buffer,
  response: ServerResponse,
  { limits, find }: ManagementDeps,
): Promise<void> {
  const connection = find(connectionId);
  if (!connection?.isOpen) throw new ServiceError('GoneException', '', 410);
  if (method === 'POST') {
    if (body.length > limits.messageBytes)
      throw new ServiceError('PayloadTooLargeException', 'Payload too large', 413);
    await connection.send(body).catch(() => {
      throw new ServiceError('GoneException', '', 410);
    });
    response.writeHead(200).end();
  } else if (method === 'DELETE') {
    connection.close(1000, '');
    response.writeHead(204).end();
  } else if (method === 'GET') {
    const { connectedAt, sourceIp, userAgent } = connection.info;
    const answer = {
      connectedAt: connectedAt.toISOString(),
      identity: { sourceIp, userAgent },
      lastActiveAt: connection.lastActiveAt.toISOString(),
    };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  } else throw new ServiceError('ForbiddenException', 'Forbidden', 403);
}
