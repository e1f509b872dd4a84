import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { HoldfastError } from '../../core/errors.ts';
import type { CallResult, ServiceCaller } from '../functions/callers.ts';
import { functionNameOf } from '../functions/functions.ts';
import { decide } from '../iam/policy.ts';
import type { Region } from '../region.ts';
import type { Identities } from '../services/identities.ts';
import { ServiceError } from '../services/service.ts';
import type { ApiModel, Authorizer } from './api-model.ts';
import { lambdaArn } from './api-model.ts';
import {
  identityValues,
  JwtVerifier,
  readPolicyAnswer,
  readSimpleAnswer,
  type Authorization,
} from './authorizers.ts';
import { httpEvent, sendFunctionAnswer, type HttpCall } from './http-event.ts';
import { matchRoute } from './http-routes.ts';
import { gatewayId, readBody, sendMessage } from './request.ts';

const service = 'apigateway.amazonaws.com';
const bodyBytesMax = 10 * 1024 * 1024;
const authorizerTimeoutMs = 10_000;

export interface HttpApiDeps {
  readonly api: ApiModel;
  readonly region: Region;
  readonly identities: Identities;
  readonly caller: Pick<ServiceCaller, 'call'>;
  readonly now: () => Date;
  readonly onFault: (error: unknown) => void;
}

interface Cached {
  readonly answer: Authorization;
  readonly untilMs: number;
}

/** An HTTP API: routes, authorization of four kinds, CORS, payload format 2.0. */
export class HttpApi {
  readonly server: Server;
  readonly #deps: HttpApiDeps;
  readonly #jwt = new JwtVerifier();
  readonly #cache = new Map<string, Cached>();

  constructor(deps: HttpApiDeps) {
    this.#deps = deps;
    this.server = createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => {
        deps.onFault(error);
        sendMessage(response, 500, 'Internal Server Error');
      });
    });
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { api, region, now } = this.#deps;
    const requestId = gatewayId();
    response.setHeader('apigw-requestid', requestId);
    const body = await readBody(request, bodyBytesMax);
    if (body === 'aborted') return;
    if (body === 'too-large')
      return sendMessage(response, 413, 'Request Entity Too Large', { connection: 'close' });
    const [path = '/', rawQueryString = ''] = (request.url ?? '/').split('?');
    const place = stagePath(api, path);
    const cors = corsHeaders(api, request);
    if (cors && request.method === 'OPTIONS' && request.headers['access-control-request-method'])
      return void response.writeHead(204, cors).end();
    const match = place && matchRoute(api.routes, request.method ?? 'GET', place.routePath);
    if (!place || !match) return sendMessage(response, 404, 'Not Found', cors);
    const call: HttpCall = {
      request,
      body,
      match,
      ...place,
      query: new URLSearchParams(rawQueryString),
      rawQueryString,
      apiId: api.id,
      accountId: region.settings.accountId,
      requestId,
      now: now(),
    };
    const event = httpEvent(call);
    const refused = await this.#authorize(call, event);
    if (refused) return sendMessage(response, refused.status, refused.message, cors);
    await this.#integrate(response, call, event, cors ?? {});
  }

  async #integrate(
    response: ServerResponse,
    call: HttpCall,
    event: object,
    cors: Record<string, string>,
  ): Promise<void> {
    const { route } = call.match;
    const result = await this.#deps.caller.call(
      service,
      route.functionArn,
      this.#sourceArn(call),
      event,
      route.timeoutMs,
    );
    if (result.kind === 'ok' && sendFunctionAnswer(response, result.payload, cors)) return;
    const [status, message] =
      result.kind === 'timeout'
        ? ([503, 'Service Unavailable'] as const)
        : ([500, 'Internal Server Error'] as const);
    this.#deps.onFault(new HoldfastError('UNAVAILABLE', failureText(call, status, result)));
    sendMessage(response, status, message, cors);
  }

  /** As permissions name the caller: `<api>/<stage>/<method>/<route path>`. */
  #sourceArn({ match, stage, request }: HttpCall): string {
    const pattern =
      match.route.routeKey === '$default'
        ? '$default'
        : `${request.method}${match.route.routeKey.split(' ')[1]}`;
    return this.#deps.region.arn('execute-api', `${this.#deps.api.id}/${stage}/${pattern}`);
  }

  /** Undefined: go on; what was learnt about the caller is in the event. */
  async #authorize(
    call: HttpCall,
    event: { requestContext: Record<string, unknown> },
  ): Promise<{ status: number; message: string } | undefined> {
    const { route } = call.match;
    if (route.authorization === 'NONE') return undefined;
    if (route.authorization === 'AWS_IAM') return this.#authorizeByIam(call, event);
    const authorizer = route.authorizer as Authorizer;
    const values = identityValues(authorizer.IdentitySource, call.request.headers, call.query);
    if (!values) return { status: 401, message: 'Unauthorized' };
    if (route.authorization === 'JWT') {
      const token = (values[0] ?? '').replace(/^Bearer /i, '');
      const claims = await this.#jwt.verify(authorizer, token, route.scopes, call.now);
      if (!claims) return { status: 401, message: 'Unauthorized' };
      event.requestContext.authorizer = {
        jwt: { claims, scopes: route.scopes.length > 0 ? route.scopes : null },
      };
      return undefined;
    }
    const answer = await this.#askAuthorizer(authorizer, values, call, event);
    if (answer.kind === 'deny') return { status: 403, message: 'Forbidden' };
    if (answer.kind === 'malformed') {
      const message = `authorizer ${authorizer.Name}: ${answer.reason}`;
      this.#deps.onFault(new HoldfastError('UNAVAILABLE', message));
      return { status: 500, message: 'Internal Server Error' };
    }
    event.requestContext.authorizer = { lambda: answer.context };
    return undefined;
  }

  async #authorizeByIam(
    call: HttpCall,
    event: { requestContext: Record<string, unknown> },
  ): Promise<{ status: number; message: string } | undefined> {
    const { request, body, stage, routePath, now } = call;
    try {
      const signed = {
        method: request.method ?? 'GET',
        url: request.url ?? '/',
        headers: request.headers,
        body,
      };
      const { principal, claim } = await this.#deps.identities.authenticate(signed, now);
      const resource = this.#deps.region.arn(
        'execute-api',
        `${this.#deps.api.id}/${stage}/${request.method}${routePath}`,
      );
      const decision = decide(principal, { action: 'execute-api:Invoke', resource });
      if (claim.service !== 'execute-api' || !decision.allowed) return { status: 403, message: 'Forbidden' };
      const { arn: userArn, accountId, userId } = principal;
      event.requestContext.authorizer = {
        iam: {
          accessKey: claim.accessKeyId,
          accountId,
          callerId: userId,
          cognitoIdentity: null,
          principalOrgId: '',
          userArn,
          userId,
        },
      };
      return undefined;
    } catch (error) {
      if (error instanceof ServiceError) return { status: 403, message: 'Forbidden' };
      throw error;
    }
  }

  async #askAuthorizer(
    authorizer: Authorizer,
    values: string[],
    call: HttpCall,
    event: object,
  ): Promise<Authorization> {
    const cacheKey = JSON.stringify([authorizer.id, values]);
    const cached = this.#cache.get(cacheKey);
    if (cached && cached.untilMs > call.now.getTime()) return cached.answer;
    const functionArn = lambdaArn(authorizer.AuthorizerUri ?? '');
    const sourceArn = this.#deps.region.arn(
      'execute-api',
      `${this.#deps.api.id}/authorizers/${authorizer.id}`,
    );
    const routeArn = this.#sourceArn(call);
    const { body: _body, isBase64Encoded: _flag, ...rest } = event as Record<string, unknown>;
    const question = { ...rest, type: 'REQUEST', routeArn, identitySource: values };
    const result = await this.#deps.caller.call(
      service,
      functionArn,
      sourceArn,
      question,
      authorizerTimeoutMs,
    );
    if (result.kind !== 'ok') return { kind: 'malformed', reason: `the function ${result.kind}` };
    const answer = authorizer.EnableSimpleResponses
      ? readSimpleAnswer(result.payload)
      : readPolicyAnswer(result.payload, routeArn);
    const ttlSeconds = authorizer.AuthorizerResultTtlInSeconds ?? 0;
    if (answer.kind !== 'malformed' && ttlSeconds > 0) {
      if (this.#cache.size > 10_000) this.#cache.clear();
      this.#cache.set(cacheKey, { answer, untilMs: call.now.getTime() + ttlSeconds * 1000 });
    }
    return answer;
  }
}

const kindText: Record<CallResult['kind'], string> = {
  ok: 'answered what is no answer',
  failed: 'failed',
  forbidden: 'does not permit the call',
  throttled: 'is at its concurrency',
  timeout: 'was not done in time',
};

/** For the log, where the id that the caller got is looked for; the cloud has it in the API's access log. */
const failureText = (
  { requestId, match: { route } }: HttpCall,
  status: number,
  { kind }: CallResult,
): string =>
  `request ${requestId}, ${route.routeKey}, was answered with ${status}: ${functionNameOf(route.functionArn)} ${kindText[kind]}`;

/** Which stage a path is for, and what routes match of it; `$default` has no prefix. */
function stagePath(
  api: ApiModel,
  path: string,
): { stage: string; rawPath: string; routePath: string } | undefined {
  const [, first = ''] = path.split('/');
  if (first && api.stages.includes(first))
    return { stage: first, rawPath: path, routePath: path.slice(first.length + 1) || '/' };
  return api.stages.includes('$default') ? { stage: '$default', rawPath: path, routePath: path } : undefined;
}

function corsHeaders(api: ApiModel, request: IncomingMessage): Record<string, string> | undefined {
  const cors = api.properties.CorsConfiguration;
  const { origin } = request.headers;
  if (!cors || !origin) return undefined;
  const origins = cors.AllowOrigins ?? [];
  if (!origins.includes('*') && !origins.includes(origin)) return undefined;
  const headers: Record<string, string> = {
    'access-control-allow-origin': origins.includes('*') ? '*' : origin,
  };
  const list = (name: string, values: string[] | undefined) =>
    values?.length && (headers[name] = values.join(','));
  list('access-control-expose-headers', cors.ExposeHeaders);
  if (cors.AllowCredentials) headers['access-control-allow-credentials'] = 'true';
  if (request.method !== 'OPTIONS') return headers;
  list('access-control-allow-methods', cors.AllowMethods);
  list('access-control-allow-headers', cors.AllowHeaders);
  if (cors.MaxAge !== undefined) headers['access-control-max-age'] = String(cors.MaxAge);
  return headers;
}
