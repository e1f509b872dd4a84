import type { z } from 'zod';
import { requests, tenantIdSchema, type Answers } from '../../core/api.ts';
import {
  apiRoutes,
  fleetScopeRoutes,
  operatorBase,
  operatorRoutes,
  tenantBase,
  type ApiRoute,
  type ApiRouteName,
} from '../../core/api-routes.ts';
import type { EnvName } from '../../core/env.ts';
import { asHoldfastError, errorCodes, HoldfastError } from '../../core/errors.ts';
import { isDeeperThan } from '../../core/json-depth.ts';
import { limits } from '../../core/limits.ts';
import type { Log } from '../../core/log.ts';
import type { Principal } from '../../core/model.ts';
import { fleetScope } from '../../core/audit/actions.ts';
import type { RequestSource } from '../../core/audit/audit-item.ts';
import { refusedOnRecord, servedOnRecord, type AuditedRequest } from '../audit/audited-request.ts';
import type { AuditTrail } from '../audit/trail.ts';
import { once } from './client-options.ts';
import { readEnv } from './env.ts';
import { errorFields, runInvocation, type Invocation, type LambdaContext } from './invocation.ts';
import { principalOf } from './principal.ts';
import { plainIssues } from '../../core/plain-issues.ts';

/** The parts of an API Gateway HTTP API event (payload format 2.0) that are used. */
export interface HttpEvent {
  /** `GET /v1/gateways/{gatewayId}` */
  routeKey: string;
  pathParameters?: Record<string, string | undefined>;
  queryStringParameters?: Record<string, string | undefined>;
  body?: string;
  isBase64Encoded?: boolean;
  requestContext: { authorizer?: unknown; http?: { sourceIp?: string; userAgent?: string } };
}
export interface HttpResponse {
  statusCode: number;
  headers: Record<string, string>;
  body: string;
}

type OperatorRouteName = keyof typeof operatorRoutes;
type RouteName = ApiRouteName | OperatorRouteName;
type BodyOf<Name> = Name extends keyof typeof requests ? z.infer<(typeof requests)[Name]> : undefined;

/** A request whose caller, parameters and body have been verified. */
export interface ApiRequest<Name extends RouteName> {
  /** Nobody where the route is public. */
  readonly principal: Name extends 'activate' ? undefined : Principal;
  /** The caller's tenant, or the one that an operator names; undefined where a route is about no single tenant. */
  readonly tenantId: Name extends 'activate' | OperatorRouteName ? undefined : string;
  /** Path parameters, decoded, each at most 128 characters. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: BodyOf<Name>;
  readonly from: RequestSource;
  readonly log: Log;
}

/** Answers with what becomes the JSON of a 200. Throws HoldfastErrors. */
export type RouteHandlers<Deps> = {
  [Name in RouteName]?: (
    deps: Deps,
    request: ApiRequest<Name>,
  ) => Promise<Name extends ApiRouteName ? Answers[Name] : object>;
};

export interface HttpHandlerProps<Names extends readonly EnvName[], Deps> {
  readonly env: Names;
  /** Called once per process, at the first request. */
  readonly deps: (env: Readonly<Record<Names[number], string>>) => Deps;
  /** Where changes are put on record. @default - it serves reads alone */
  readonly audit?: (env: Readonly<Record<Names[number], string>>) => AuditTrail;
  readonly routes: RouteHandlers<Deps>;
}

/** What every caller can do about a value that a schema refuses, whose words name it and its bounds. */
const correctIt = 'nothing was changed; correct the value and send it again';
/** Of a read nobody fears that it changed anything. */
const askAgain = 'correct the value and ask again';

interface FoundRoute {
  readonly name: RouteName;
  readonly method: string;
  readonly role: ApiRoute['role'];
}
/** `METHOD /path` as API Gateway names it → the route, under both bases. */
const routesByKey = new Map<string, FoundRoute>([
  ...(Object.entries(apiRoutes) as [ApiRouteName, ApiRoute][]).flatMap(([name, { method, path, role }]) =>
    [tenantBase, operatorBase].map((base): [string, FoundRoute] => [
      `${method} ${base}${path}`,
      { name, method, role },
    ]),
  ),
  ...(Object.entries(operatorRoutes) as [OperatorRouteName, { method: string; path: string }][]).map(
    ([name, { method, path }]): [string, FoundRoute] => [
      `${method} ${path}`,
      { name, method, role: 'tenant-admin' },
    ],
  ),
]);

/** A Lambda handler for some of the HTTP API's routes. Every error becomes `{error: {code, message, hint?}}`. */
export function httpHandler<const Names extends readonly EnvName[], Deps>(
  props: HttpHandlerProps<Names, Deps>,
): (event: HttpEvent, context: LambdaContext) => Promise<HttpResponse> {
  const deps = once(() => props.deps(readEnv(props.env)));
  const trail = once(() => props.audit?.(readEnv(props.env)));
  return (event, context) =>
    runInvocation('http.request', context, async (invocation) => {
      invocation.note({ route: event.routeKey });
      try {
        const record = { trail: trail(), now: Date.now, log: invocation.log };
        const { name, request } = await verify(event, invocation, {
          from: sourceOf(event, context),
          refused: (asked, thrown) => refusedOnRecord(record, asked, thrown),
        });
        // The map's type pairs each name with its request; a lookup by a name that is data loses the pairing.
        const handle = props.routes[name] as
          ((deps: Deps, request: ApiRequest<RouteName>) => Promise<object>) | undefined;
        if (!handle) throw new HoldfastError('NOT_FOUND', `${event.routeKey} is not served here`);
        const body = await servedOnRecord(record, { name, ...request }, () => handle(deps(), request));
        invocation.note({ status: 200 });
        return respond(200, body);
      } catch (thrown) {
        return failed(thrown, invocation, context);
      }
    });
}

async function verify(
  event: HttpEvent,
  { log, note }: Invocation,
  { from, refused }: { from: RequestSource; refused: (asked: AuditedRequest, why: unknown) => Promise<void> },
): Promise<{ name: RouteName; request: ApiRequest<RouteName> }> {
  const route = routesByKey.get(event.routeKey);
  if (!route) throw new HoldfastError('NOT_FOUND', `there is no ${event.routeKey}`);
  const params = boundedText(event.pathParameters, 'path', 128);
  const principal = principalOf(event.requestContext.authorizer);
  if (principal && lacksRole(route, principal)) {
    const why = missingRole(route, principal);
    await refused({ name: route.name, principal, tenantId: principal.tenantId, params, from }, why);
    throw why;
  }
  const tenantId = tenantOf(route, principal, params);
  note({ tenantId, principal: principal?.id, ...params });
  const request = {
    principal,
    tenantId,
    params,
    query: boundedText(event.queryStringParameters, 'query', 1_024),
    body: parseBody(route.name, event),
    from,
    log,
  };
  return { name: route.name, request: request as ApiRequest<RouteName> };
}

/** Bounded, and printable wherever it is shown. */
function sourceOf({ requestContext: { http } }: HttpEvent, { awsRequestId }: LambdaContext): RequestSource {
  return {
    requestId: awsRequestId,
    sourceIp: http?.sourceIp?.slice(0, 64),
    userAgent: http?.userAgent?.slice(0, 200),
    cellId: process.env['CELL_ID'] || undefined,
  };
}

type TenantPrincipal = Extract<Principal, { kind: 'tenant' }>;

/** Operators may do everything. */
function lacksRole({ name, role }: FoundRoute, principal: Principal): principal is TenantPrincipal {
  if (principal.kind !== 'tenant' || role === 'public') return false;
  return name in operatorRoutes || (role === 'tenant-admin' && principal.role !== role);
}

function missingRole({ name }: FoundRoute, { role }: TenantPrincipal): HoldfastError {
  if (name in operatorRoutes)
    return new HoldfastError('FORBIDDEN', 'this is for operators', {
      hint: 'ask with an operator’s credentials, and not with a tenant’s token',
    });
  return new HoldfastError('FORBIDDEN', `this needs the role tenant-admin, the token has ${role}`, {
    hint: 'ask with a tenant-admin’s token; docs/access.md says who makes one',
  });
}

/** The tenant that the verified caller acts for; `*` for what is the provider's own. UNAUTHENTICATED. */
function tenantOf(
  { name, method, role }: FoundRoute,
  principal: Principal | undefined,
  params: Record<string, string>,
): string | undefined {
  if (role === 'public') return undefined;
  if (!principal) throw new HoldfastError('UNAUTHENTICATED', 'the request carries no verified identity');
  if (principal.kind === 'tenant') return principal.tenantId;
  if (name in operatorRoutes) return undefined;
  if (params['tenantId'] === fleetScope && fleetScopeRoutes.includes(name)) return fleetScope;
  const tenantId = tenantIdSchema.safeParse(params['tenantId']);
  if (!tenantId.success)
    throw new HoldfastError('INVALID_INPUT', plainIssues(tenantId.error, params['tenantId'], 'the tenant'), {
      hint: method === 'GET' ? askAgain : correctIt,
    });
  return tenantId.data;
}

function boundedText(
  values: Record<string, string | undefined> = {},
  what: string,
  lengthMax: number,
): Record<string, string> {
  const entries = Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined);
  for (const [name, value] of entries)
    if (value.length > lengthMax)
      throw new HoldfastError(
        'INVALID_INPUT',
        `${what} parameter ${name} has more than ${lengthMax} characters`,
        { hint: correctIt },
      );
  return Object.fromEntries(entries);
}

function parseBody(name: RouteName, { body, isBase64Encoded }: HttpEvent): unknown {
  const schema = Object.hasOwn(requests, name) ? requests[name as keyof typeof requests] : undefined;
  if (!schema) return undefined;
  const text = isBase64Encoded ? Buffer.from(body ?? '', 'base64').toString() : (body ?? '');
  let json: unknown;
  try {
    json = JSON.parse(text === '' ? '{}' : text);
  } catch (cause) {
    throw new HoldfastError('INVALID_INPUT', 'the body is not JSON', { hint: 'send a JSON object', cause });
  }
  if (isDeeperThan(json, limits.jsonLevels))
    throw new HoldfastError('INVALID_INPUT', `the body nests deeper than ${limits.jsonLevels} levels`, {
      hint: correctIt,
    });
  if (hasProto(json))
    throw new HoldfastError('INVALID_INPUT', 'the body has a field “__proto__”', { hint: correctIt });
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw new HoldfastError('INVALID_INPUT', plainIssues(parsed.error, json, 'the body'), { hint: correctIt });
}

/** A schema would drop it in silence, where it refuses every other name that it does not know. */
function hasProto(json: unknown): boolean {
  if (typeof json !== 'object' || json === null) return false;
  return Object.hasOwn(json, '__proto__') || Object.values(json).some(hasProto);
}

function failed(thrown: unknown, { log, note }: Invocation, context: LambdaContext): HttpResponse {
  const error = asHoldfastError(thrown);
  const { http: status } = errorCodes[error.code];
  note({ status, errorCode: error.code });
  if (status < 500)
    return respond(status, { error: { code: error.code, message: error.message, hint: error.hint } });
  log('error', 'http.failed', errorFields(thrown));
  // What went wrong inside is for the log; the caller gets the id to ask about.
  const isPublic = error.code === 'UNAVAILABLE' || error.code === 'TIMEOUT' || isStoredDamage(error);
  const message = isPublic ? error.message : `something failed inside (request ${context.awsRequestId})`;
  return respond(status, { error: { code: error.code, message, hint: isPublic ? error.hint : undefined } });
}

/** Somebody has to mend it, and the message says what: what nobody foresaw comes without a hint. */
const isStoredDamage = ({ code, hint }: HoldfastError): boolean =>
  (code === 'INTERNAL' || code === 'CORRUPT') && hint !== undefined;

const respond = (statusCode: number, body: object): HttpResponse => ({
  statusCode,
  headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  body: JSON.stringify(body),
});
