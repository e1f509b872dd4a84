import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose';
import type { CallResult } from '../../local/functions/callers.ts';
import type { ApiModel, Route } from '../../local/gateway/api-model.ts';
import { HttpApi } from '../../local/gateway/http-api.ts';
import { KeyRing } from '../../local/iam/keys.ts';
import { Region } from '../../local/region.ts';
import { Identities } from '../../local/services/identities.ts';

const region = new Region({
  region: 'eu-west-1',
  accountId: '000000000000',
  plans: [],
  servicesUrls: {},
  users: {},
});
const integration = { functionArn: 'arn:f', timeoutMs: 100, payloadFormat: '2.0' } as const;
let issuerUrl: string;
let apiUrl: string;
let privateKey: CryptoKey;
let strangersKey: CryptoKey;
const servers: Server[] = [];
let calls: { functionArn: string; event: { requestContext: { authorizer?: unknown }; rawPath?: string } }[] =
  [];
let answers: Record<string, CallResult>;
let faults: string[];
let nowMs = Date.now();

async function listen(server: Server): Promise<string> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

beforeAll(async () => {
  const pair = await generateKeyPair('RS256');
  privateKey = pair.privateKey;
  strangersKey = (await generateKeyPair('RS256')).privateKey;
  const keys = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'RS256' }] };
  issuerUrl = await listen(
    createServer((request, response) => {
      const discovery = { issuer: issuerUrl, jwks_uri: `${issuerUrl}/keys` };
      response.end(JSON.stringify(request.url === '/keys' ? keys : discovery));
    }),
  );
  const common = {
    ApiId: 'api1',
    IdentitySource: ['$request.header.Authorization'],
    EnableSimpleResponses: true,
  };
  const jwt = { ...common, id: 'j', Name: 'jwt', AuthorizerType: 'JWT' as const };
  const lambda = {
    ...common,
    id: 'l',
    Name: 'l',
    AuthorizerType: 'REQUEST' as const,
    AuthorizerUri: 'arn:authorizer',
  };
  const routes: Route[] = [
    {
      ...integration,
      routeKey: 'GET /jwt',
      authorization: 'JWT',
      authorizer: { ...jwt, JwtConfiguration: { Issuer: issuerUrl, Audience: ['console'] } },
      scopes: ['fleet'],
    },
    {
      ...integration,
      routeKey: 'GET /cached',
      authorization: 'CUSTOM',
      authorizer: { ...lambda, AuthorizerResultTtlInSeconds: 60 },
      scopes: [],
    },
    {
      ...integration,
      routeKey: 'GET /asked',
      authorization: 'CUSTOM',
      authorizer: { ...lambda, id: 'l2' },
      scopes: [],
    },
    { ...integration, routeKey: 'GET /open', authorization: 'NONE', scopes: [] },
  ];
  const api = new HttpApi({
    api: {
      id: 'api1',
      logicalId: 'Api',
      properties: { Name: 'api', ProtocolType: 'HTTP' },
      stages: ['$default', 'beta'],
      routes,
    } as ApiModel,
    region,
    identities: new Identities(region, new KeyRing(Buffer.alloc(32))),
    caller: {
      call: async (_service, functionArn, _sourceArn, event) => {
        calls.push({ functionArn, event: event as (typeof calls)[number]['event'] });
        return answers[functionArn] ?? { kind: 'ok', payload: { statusCode: 200 } };
      },
    },
    now: () => new Date(nowMs),
    onFault: (error) => faults.push((error as Error).message),
  });
  apiUrl = await listen(api.server);
});
afterAll(() => Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve)))));
beforeEach(() => {
  calls = [];
  faults = [];
  answers = {};
});

const ask = async (path: string, token?: string) =>
  (
    await fetch(`${apiUrl}${path}`, {
      headers: { connection: 'close', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    })
  ).status;

const token = (claims: Record<string, unknown> = {}, key = privateKey, expires = '5m') =>
  new SignJWT({ iss: issuerUrl, aud: 'console', scope: 'other fleet', ...claims })
    .setProtectedHeader({ alg: 'RS256', kid: 'k1' })
    .setIssuedAt()
    .setExpirationTime(expires)
    .sign(key);

describe('a JWT authorizer', () => {
  it('lets in whom the issuer vouches for, and hands the claims on', async () => {
    expect(await ask('/jwt', await token({ sub: 'ann' }))).toBe(200);
    expect(calls[0]?.event.requestContext.authorizer).toMatchObject({
      jwt: { claims: { sub: 'ann' }, scopes: ['fleet'] },
    });
  });

  it('refuses a token of another audience, scope, issuer or key, an old one and none', async () => {
    expect(await ask('/jwt', await token({ aud: 'elsewhere' }))).toBe(401);
    expect(await ask('/jwt', await token({ iss: 'https://elsewhere' }))).toBe(401);
    expect(await ask('/jwt', await token({ scope: 'other' }))).toBe(401);
    expect(await ask('/jwt', await token({}, strangersKey))).toBe(401);
    expect(await ask('/jwt', await token({}, privateKey, '-5m'))).toBe(401);
    expect(await ask('/jwt', 'no.token.atall')).toBe(401);
    expect(await ask('/jwt')).toBe(401);
  });
});

describe('a Lambda authorizer', () => {
  const asked = () => calls.filter(({ functionArn }) => functionArn === 'arn:authorizer').length;

  it('is asked once for the same identity until its answer is too old, where the template says so', async () => {
    answers['arn:authorizer'] = { kind: 'ok', payload: { isAuthorized: true } };
    for (const _ of [1, 2]) expect(await ask('/cached', 'a')).toBe(200);
    expect(asked()).toBe(1);
    expect(await ask('/cached', 'b')).toBe(200);
    expect(asked()).toBe(2);
    nowMs += 61_000;
    await ask('/cached', 'a');
    expect(asked()).toBe(3);
  });

  it('is asked every time where the template does not', async () => {
    answers['arn:authorizer'] = { kind: 'ok', payload: { isAuthorized: true } };
    for (const _ of [1, 2]) await ask('/asked', 'a');
    expect(asked()).toBe(2);
  });

  it.each<[CallResult, number]>([
    [{ kind: 'ok', payload: { isAuthorized: false } }, 403],
    [{ kind: 'ok', payload: { authorized: true } }, 500],
    [{ kind: 'ok', payload: null }, 500],
    [{ kind: 'failed' }, 500],
    [{ kind: 'forbidden' }, 500],
  ])('that answers %j lets nobody in: %d', async (answer, status) => {
    answers['arn:authorizer'] = answer;
    expect(await ask('/asked', 'a')).toBe(status);
    expect(calls.some(({ functionArn }) => functionArn === 'arn:f')).toBe(false);
  });
});

describe('an integration', () => {
  it.each<[CallResult, number]>([
    [{ kind: 'timeout' }, 503],
    [{ kind: 'failed' }, 500],
    [{ kind: 'throttled' }, 500],
    [{ kind: 'ok', payload: { statusCode: 'x' } }, 500],
    [{ kind: 'ok', payload: { statusCode: 204 } }, 204],
  ])('that ends with %j is answered with %d', async (answer, status) => {
    answers['arn:f'] = answer;
    expect(await ask('/open')).toBe(status);
  });

  it('that fails is named in the log by the request’s id, which its answer has', async () => {
    const idOf = async () => (await fetch(`${apiUrl}/open`)).headers.get('apigw-requestid');
    expect(await idOf()).toMatch(/^[\w-]{15}=$/);
    expect(faults).toEqual([]);
    answers['arn:f'] = { kind: 'timeout' };
    const requestId = await idOf();
    expect(calls.at(-1)?.event.requestContext).toMatchObject({ requestId });
    expect(faults).toEqual([
      `request ${requestId}, GET /open, was answered with 503: arn:f was not done in time`,
    ]);
  });

  it('is reached through a named stage too', async () => {
    expect(await ask('/beta/open')).toBe(200);
    expect(calls[0]?.event.rawPath).toBe('/beta/open');
    expect(await ask('/gamma/open')).toBe(404);
  });
});
