import { type Answers } from '../core/api.ts';
import { apiRoutes, fillPath, operatorBase, tenantBase, type ApiRouteName } from '../core/api-routes.ts';
import { errorCodes, HoldfastError, type ErrorCode } from '../core/errors.ts';
import { signerFor } from '../core/sigv4.ts';
import { retyped, typed } from '../core/typed.ts';
import { parseJson, type CliContext } from './context.ts';

export interface CallOptions {
  params?: Record<string, string>;
  query?: Record<string, string | undefined>;
  body?: unknown;
  /** Send it through this cell's own HTTP API instead of the home's. */
  viaCell?: string;
  signal?: AbortSignal;
}

/** Calls the HTTP API as the context's identity. Throws the API's own codes; UNAVAILABLE where it is not reached. */
export interface ApiClient {
  call<N extends ApiRouteName>(name: N, options?: CallOptions): Promise<Answers[N]>;
  /** A path below `/operator/v1`, for operators alone. */
  operator<T>(
    path: string,
    query?: Record<string, string | undefined>,
    change?: { method: 'POST' | 'DELETE'; body?: unknown },
  ): Promise<T>;
}

const requestTimeoutMs = 30_000;

/** `toType`: how a command line is typed here. The API does not know with which flags it was asked. */
export function createApiClient(context: CliContext, toType: (line: string) => string = typed): ApiClient {
  const send = async <T>(method: string, base: string, path: string, options: CallOptions): Promise<T> => {
    const url = new URL(base + path);
    for (const [key, value] of Object.entries(options.query ?? {}))
      if (value !== undefined) url.searchParams.set(key, value);
    const body = options.body === undefined ? null : JSON.stringify(options.body);
    const headers = await authorize(context, method, url, body);
    const timeout = AbortSignal.timeout(requestTimeoutMs);
    const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
    let response: Response;
    let text: string;
    try {
      response = await fetch(url, { method, headers, body, signal, redirect: 'error' });
      text = await response.text();
    } catch (cause) {
      throw new HoldfastError('UNAVAILABLE', `${url.origin} does not answer`, {
        hint: 'check that the control plane runs (`npm start`) and the endpoint',
        cause,
      });
    }
    return readAnswer<T>(response, text, { context, toType });
  };
  return {
    call: (name, options = {}) => {
      const route = apiRoutes[name];
      const base = context.identity.kind === 'tenant' ? tenantBase : operatorBase;
      for (const [name, value] of Object.entries(options.params ?? {}))
        if (value === '')
          throw new HoldfastError('USAGE', `the ${name} is empty`, {
            hint: 'name one, as the lists show them',
          });
      const path = fillPath(base + route.path, { tenantId: context.tenantId, ...options.params });
      return send(route.method, cellBase(context, options.viaCell), path, options);
    },
    operator: (path, query, change) =>
      send(change?.method ?? 'GET', context.endpoint, `/operator/v1${path}`, {
        query: query ?? {},
        body: change?.body,
      }),
  };
}

function cellBase(context: CliContext, cellId: string | undefined): string {
  if (cellId === undefined) return context.endpoint;
  const base = Object.hasOwn(context.cells, cellId) ? context.cells[cellId] : undefined;
  if (base) return base.replace(/\/+$/, '');
  const known = Object.keys(context.cells);
  throw new HoldfastError('NOT_FOUND', `no cell "${cellId}" is known`, {
    hint: known.length ? `cells: ${known.join(', ')}` : 'use --endpoint with the cell’s own API instead',
  });
}

async function authorize(
  context: CliContext,
  method: string,
  url: URL,
  body: string | null,
): Promise<Record<string, string>> {
  const headers: Record<string, string> = body === null ? {} : { 'content-type': 'application/json' };
  if (context.identity.kind !== 'operator')
    return { ...headers, authorization: `Bearer ${context.identity.token}` };
  const signed = await signerFor(context.identity.keys, context.region, 'execute-api').sign({
    method,
    protocol: url.protocol,
    hostname: url.hostname,
    ...(url.port ? { port: Number(url.port) } : {}),
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: { ...headers, host: url.host },
    body: body ?? undefined,
  });
  const { host: _host, ...rest } = signed.headers;
  return rest;
}

function readAnswer<T>(
  response: Response,
  text: string,
  { context: { identity }, toType }: { context: CliContext; toType: (line: string) => string },
): T {
  const answer = parseJson(text) as Partial<ErrorAnswer> | undefined;
  if (response.ok) return answer as T;
  const problem = answer?.error;
  const lookUp = response.status >= 500 ? whereToLook : undefined;
  if (problem && Object.hasOwn(errorCodes, problem.code)) {
    const hint = problem.hint === undefined ? lookUp : retyped(problem.hint, toType);
    throw new HoldfastError(problem.code, problem.message, hint ? { hint } : {});
  }
  const requestId = response.headers.get('apigw-requestid') ?? response.headers.get('x-amzn-requestid');
  const ofRequest = lookUp && requestId ? ` (request ${requestId.slice(0, 64)})` : '';
  const denied = response.status === 401 || response.status === 403;
  // The routes' own answers have a code. This is the authorizer, which knows the token or does not.
  const isUnknownToken = response.status === 403 && identity.kind === 'tenant';
  throw new HoldfastError(
    isUnknownToken ? 'UNAUTHENTICATED' : codeOfStatus(response.status),
    `${response.status} ${answer?.message ?? response.statusText}${ofRequest}`,
    {
      hint: denied ? credentialsOf[identity.kind] : (lookUp ?? 'try again'),
    },
  );
}

const whereToLook =
  'try again; if it stays so, look for the request in the log of `npm start`, or in CloudWatch’s of the API and its functions';

const credentialsOf: Record<CliContext['identity']['kind'], string> = {
  // An authorizer can say no, and nothing of why; a token that was good has no other way to end than the first two.
  tenant:
    'this token most likely was deleted or has expired, else it is of another deployment than the one asked; ' +
    `an operator or another token sees in \`${typed('holdfast admin token list')}\` which are good`,
  operator: 'check the AWS credentials, and what they may do',
  'oidc-operator': 'check the operator’s token: its issuer, its audience and how long it is good for',
};

interface ErrorAnswer {
  error: { code: ErrorCode; message: string; hint?: string };
  /** API Gateway's own answers. */
  message: string;
}

const statusCodes: Record<number, ErrorCode> = {
  401: 'UNAUTHENTICATED',
  403: 'FORBIDDEN',
  404: 'NOT_FOUND',
  413: 'TOO_LARGE',
  429: 'THROTTLED',
};
const codeOfStatus = (status: number): ErrorCode =>
  statusCodes[status] ?? (status >= 500 ? 'UNAVAILABLE' : 'INVALID_INPUT');
