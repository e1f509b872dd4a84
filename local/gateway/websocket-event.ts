import type { IncomingMessage } from 'node:http';
import type { ConnectionInfo } from './connection.ts';
import { commonLogTime, gatewayId, headerMaps, queryMaps } from './request.ts';
import { requestTarget } from '../request-target.ts';

export interface EventPlace {
  readonly apiId: string;
  readonly stage: string;
}

type EventType = 'CONNECT' | 'MESSAGE' | 'DISCONNECT';

function requestContext(
  { apiId, stage }: EventPlace,
  info: ConnectionInfo,
  eventType: EventType,
  routeKey: string,
  now: Date,
  extra: object = {},
): Record<string, unknown> {
  return {
    routeKey,
    ...(info.authorizer ? { authorizer: info.authorizer } : {}),
    ...extra,
    eventType,
    extendedRequestId: gatewayId(),
    requestTime: commonLogTime(now),
    messageDirection: 'IN',
    stage,
    connectedAt: info.connectedAt.getTime(),
    requestTimeEpoch: now.getTime(),
    identity: { userAgent: info.userAgent, sourceIp: info.sourceIp },
    requestId: gatewayId(),
    domainName: info.host,
    connectionId: info.id,
    apiId,
  };
}

export function connectEvent(
  place: EventPlace,
  info: ConnectionInfo,
  request: IncomingMessage,
  now: Date,
): object {
  const query = requestTarget(request.url).searchParams;
  return {
    ...headerMaps(request.rawHeaders),
    ...queryMaps(query),
    requestContext: requestContext(place, info, 'CONNECT', '$connect', now),
    isBase64Encoded: false,
  };
}

export function messageEvent(
  place: EventPlace,
  info: ConnectionInfo,
  routeKey: string,
  data: Buffer,
  isBinary: boolean,
  now: Date,
): object {
  return {
    requestContext: requestContext(place, info, 'MESSAGE', routeKey, now, { messageId: gatewayId() }),
    body: data.toString(isBinary ? 'base64' : 'utf8'),
    isBase64Encoded: isBinary,
  };
}

export function disconnectEvent(
  place: EventPlace,
  info: ConnectionInfo,
  code: number,
  reason: string,
  now: Date,
): object {
  const headers = { Host: info.host, 'x-api-key': '', 'X-Forwarded-For': '', 'x-restapi': '' };
  return {
    headers,
    multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])),
    requestContext: requestContext(place, info, 'DISCONNECT', '$disconnect', now, {
      disconnectStatusCode: code,
      disconnectReason: reason,
    }),
    isBase64Encoded: false,
  };
}

/** `$request.body.t` → the property's text in a JSON body; undefined when there is none. */
export function selectRoute(expression: string, body: string): string | undefined {
  const path = expression.replace(/^\$request\.body\./, '').split('.');
  try {
    let value: unknown = JSON.parse(body);
    for (const name of path)
      value = Object(value) === value ? (value as Record<string, unknown>)[name] : undefined;
    return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
  } catch {
    return undefined;
  }
}
