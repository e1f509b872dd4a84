import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import type { Match } from './http-routes.ts';
import { commonLogTime } from './request.ts';

export interface HttpCall {
  readonly request: IncomingMessage;
  readonly body: Buffer;
  readonly match: Match;
  readonly stage: string;
  /** As sent, a named stage included. */
  readonly rawPath: string;
  /** Without the stage. */
  readonly routePath: string;
  readonly query: URLSearchParams;
  readonly rawQueryString: string;
  readonly apiId: string;
  readonly accountId: string;
  /** As the answer's header names it, too. */
  readonly requestId: string;
  readonly now: Date;
}

const textTypes =
  /^(text\/|application\/(json|javascript|xml|.*\+json|.*\+xml)|application\/x-www-form-urlencoded)/;

/** The event of payload format 2.0, without what an authorizer adds. */
export function httpEvent(
  call: HttpCall,
): Record<string, unknown> & { requestContext: Record<string, unknown> } {
  const { request, body, match, query } = call;
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers))
    if (name !== 'cookie') headers[name] = Array.isArray(value) ? value.join(',') : (value ?? '');
  const cookies = request.headers.cookie?.split(/; */);
  const names = [...new Set(query.keys())];
  const isText = textTypes.test(request.headers['content-type'] ?? 'text/plain');
  const domainName = request.headers.host ?? '';
  return {
    version: '2.0',
    routeKey: match.route.routeKey,
    rawPath: call.rawPath,
    rawQueryString: call.rawQueryString,
    ...(cookies ? { cookies } : {}),
    headers,
    ...(names.length > 0
      ? {
          queryStringParameters: Object.fromEntries(
            names.map((name) => [name, query.getAll(name).join(',')]),
          ),
        }
      : {}),
    requestContext: {
      accountId: call.accountId,
      apiId: call.apiId,
      domainName,
      domainPrefix: domainName.split('.')[0],
      http: {
        method: request.method,
        path: call.rawPath,
        protocol: `HTTP/${request.httpVersion}`,
        sourceIp: request.socket.remoteAddress ?? '',
        userAgent: request.headers['user-agent'] ?? '',
      },
      requestId: call.requestId,
      routeKey: match.route.routeKey,
      stage: call.stage,
      time: commonLogTime(call.now),
      timeEpoch: call.now.getTime(),
    },
    ...(Object.keys(match.pathParameters).length > 0 ? { pathParameters: match.pathParameters } : {}),
    ...(body.length > 0 ? { body: body.toString(isText ? 'utf8' : 'base64') } : {}),
    isBase64Encoded: body.length > 0 && !isText,
  };
}

const answerSchema = z.looseObject({
  statusCode: z.coerce.number().int().min(100).max(599),
  headers: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String)).nullish(),
  cookies: z.array(z.string()).nullish(),
  body: z.string().nullish(),
  isBase64Encoded: z.boolean().nullish(),
});

/** Writes a function's answer; one without statusCode is itself the JSON body. False: it cannot be used. */
export function sendFunctionAnswer(
  response: ServerResponse,
  answer: unknown,
  extra: Record<string, string>,
): boolean {
  const formatted = typeof answer === 'object' && answer !== null && 'statusCode' in answer;
  if (!formatted) {
    response.writeHead(200, { 'content-type': 'application/json', ...extra });
    response.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
    return true;
  }
  const parsed = answerSchema.safeParse(answer);
  if (!parsed.success) return false;
  const { statusCode, headers, cookies, body, isBase64Encoded } = parsed.data;
  const lowered = Object.fromEntries(
    Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const all: Record<string, string | string[]> = {
    'content-type': 'text/plain;charset=UTF-8',
    ...lowered,
    ...extra,
  };
  if (cookies && cookies.length > 0) all['set-cookie'] = cookies;
  delete all['content-length'];
  response.writeHead(statusCode, all);
  response.end(Buffer.from(body ?? '', isBase64Encoded ? 'base64' : 'utf8'));
  return true;
}
