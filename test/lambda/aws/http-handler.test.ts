import { afterEach, describe, expect, it, jest, test } from '@jest/globals';
import { HoldfastError } from '../../../core/errors.ts';
import type { AuditItem } from '../../../core/audit/audit-item.ts';
import { httpHandler, type ApiRequest, type HttpEvent } from '../../../lambda/aws/http-handler.ts';

type Route = 'getGateway' | 'renameGateway' | 'submitCommand' | 'fleetGateways' | 'activate';
let served: ApiRequest<Route>[] = [];
let answer: () => object = () => ({});
const serve = (_deps: undefined, request: ApiRequest<Route>) => {
  served.push(request);
  return Promise.resolve(answer() as never);
};
let entries: AuditItem[] = [];
const keepEntry = (entry: AuditItem): unknown => entries.push(entry);
let keep = keepEntry;
const handler = httpHandler({
  env: [],
  deps: () => undefined,
  audit: () => ({ append: async (entry) => void (await keep(entry)) }),
  routes: { getGateway: serve, renameGateway: serve, submitCommand: serve, fleetGateways: serve },
});

const lines: string[] = [];
jest.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
afterEach(() => {
  served = [];
  entries = [];
  keep = keepEntry;
  answer = () => ({});
  lines.length = 0;
});

const context = { awsRequestId: 'r-1', functionName: 'f', getRemainingTimeInMillis: () => 1_000 };
const tenant = (role: string) => ({ lambda: { tenantId: 'acme', role, tokenId: 't-1' } });
const operator = { iam: { userArn: 'arn:aws:iam::1:user/ann', accountId: '1' } };
const at = (routeKey: string, more: Partial<HttpEvent> & { authorizer?: unknown } = {}): HttpEvent => {
  const { authorizer, ...rest } = more;
  return { routeKey, requestContext: { authorizer }, ...rest };
};
const call = async (event: HttpEvent) => {
  const { statusCode, body } = await handler(event, context);
  return {
    statusCode,
    body: JSON.parse(body) as { error?: { code: string; message: string; hint?: string } },
  };
};
const get = 'GET /v1/gateways/{gatewayId}';
const rename = 'PUT /v1/gateways/{gatewayId}/name';
const submit = 'POST /v1/gateways/{gatewayId}/commands';
const forOperators = 'GET /operator/v1/tenants/{tenantId}/gateways/{gatewayId}';

describe('who asks', () => {
  it('is the token’s tenant, whatever the request says', async () => {
    const pathParameters = { gatewayId: 'gw-1', tenantId: 'other' };
    await call(at(get, { authorizer: tenant('tenant-read'), pathParameters }));
    expect(served).toMatchObject([{ tenantId: 'acme', principal: { kind: 'tenant', id: 't-1' } }]);
  });

  it('is an operator for the tenant that the path names', async () => {
    const pathParameters = { tenantId: 'other', gatewayId: 'gw-1' };
    await call(at(forOperators, { authorizer: operator, pathParameters }));
    expect(served).toMatchObject([
      { tenantId: 'other', principal: { kind: 'operator', id: operator.iam.userArn } },
    ]);
  });

  it('is an operator by the subject of an OIDC token', async () => {
    const authorizer = { jwt: { claims: { sub: 'ann@example.com' } } };
    await call(at('GET /operator/v1/gateways', { authorizer }));
    expect(served).toMatchObject([{ tenantId: undefined, principal: { id: 'ann@example.com' } }]);
  });

  it.each([
    ['among those that need no control plane', 'standalone'],
    ['where bundles are', 'diagnostics'],
  ])('is no tenant whose snapshots would stand %s', async (_, tenantId) => {
    const pathParameters = { tenantId, gatewayId: 'gw-1' };
    const refused = await call(at(forOperators, { authorizer: operator, pathParameters }));
    expect(refused).toMatchObject({ statusCode: 400 });
    expect(refused.body.error?.message).toContain(`“${tenantId}” is reserved`);
  });

  it.each([
    [forOperators, 'correct the value and ask again'],
    [
      `${forOperators.replace('GET', 'PUT')}/name`,
      'nothing was changed; correct the value and send it again',
    ],
  ])(
    'is no tenant that none can be: %s says that nothing changed only where something would have',
    async (route, hint) => {
      const pathParameters = { tenantId: 'no tenant', gatewayId: 'gw-1' };
      const refused = await call(at(route, { authorizer: operator, pathParameters }));
      expect(refused).toMatchObject({ statusCode: 400, body: { error: { code: 'INVALID_INPUT', hint } } });
      expect(served).toEqual([]);
    },
  );

  it('must be known', async () => {
    expect(await call(at(get))).toMatchObject({
      statusCode: 401,
      body: { error: { code: 'UNAUTHENTICATED' } },
    });
    expect(served).toEqual([]);
  });

  it.each([
    [rename, tenant('tenant-read'), 403],
    ['GET /operator/v1/gateways', tenant('tenant-admin'), 403],
    [get, tenant('root'), 401],
    [forOperators, operator, 400],
    ['GET /v1/nothing', operator, 404],
    ['GET /v1/alerts', tenant('tenant-read'), 404],
  ])('of %s as %j answers %i', async (routeKey, authorizer, status) => {
    expect(await call(at(routeKey, { authorizer, body: '{"name":"x"}' }))).toMatchObject({
      statusCode: status,
    });
    expect(served).toEqual([]);
  });
});

describe('what is asked', () => {
  const authorizer = tenant('tenant-admin');

  it('is parsed, also when API Gateway wrapped it in base64', async () => {
    const body = Buffer.from('{"name":"Rome"}').toString('base64');
    await call(at(rename, { authorizer, body, isBase64Encoded: true }));
    expect(served).toMatchObject([{ body: { name: 'Rome' } }]);
  });

  it.each([
    ['not json', 'the body is not JSON'],
    ['{"name":""}', 'name is '],
    ['{"name":"x","admin":true}', 'admin'],
    [undefined, 'name is '],
    ['['.repeat(200_000) + ']'.repeat(200_000), 'nests deeper'],
  ])('is refused: %.40s', async (body, message) => {
    const refused = await call(at(rename, { authorizer, body }));
    expect(refused).toMatchObject({ statusCode: 400, body: { error: { code: 'INVALID_INPUT' } } });
    expect(refused.body.error?.message).toContain(message);
    expect(refused.body.error?.hint).toMatch(/send/);
  });

  it('names no field that a schema would drop in silence', async () => {
    const body = '{"kind":"probe","params":{"__proto__":1}}';
    const refused = await call(at(submit, { authorizer, body }));
    expect(refused).toMatchObject({ statusCode: 400, body: { error: { code: 'INVALID_INPUT' } } });
    expect(refused.body.error?.message).toContain('“__proto__”');
  });

  it('has short parameters', async () => {
    const pathParameters = { gatewayId: 'x'.repeat(129) };
    expect(await call(at(get, { authorizer, pathParameters }))).toMatchObject({ statusCode: 400 });
  });
});

describe('what is answered', () => {
  const event = at(get, { authorizer: tenant('tenant-read'), pathParameters: { gatewayId: 'gw-1' } });

  it('is an error’s code, message and hint with the code’s status', async () => {
    answer = () => {
      throw new HoldfastError('NOT_FOUND', 'there is no gateway gw-1', { hint: 'list the gateways' });
    };
    expect(await call(event)).toEqual({
      statusCode: 404,
      body: { error: { code: 'NOT_FOUND', message: 'there is no gateway gw-1', hint: 'list the gateways' } },
    });
  });

  it('does not tell what broke inside; the log does', async () => {
    answer = () => {
      throw new Error('password of the database is hunter2');
    };
    const { statusCode, body } = await call(event);
    expect({ statusCode, message: body.error?.message }).toEqual({
      statusCode: 500,
      message: 'something failed inside (request r-1)',
    });
    expect(lines.join('')).toContain('hunter2');
  });

  it.each(['INTERNAL', 'CORRUPT'] as const)(
    'tells of what is stored damaged and what to do: %s',
    async (code) => {
      answer = () => {
        throw new HoldfastError(code, 'the stored alert a1 is damaged', { hint: 'delete it' });
      };
      const { statusCode, body } = await call(event);
      expect(statusCode).toBe(500);
      expect(body.error).toEqual({ code, message: 'the stored alert a1 is damaged', hint: 'delete it' });
      answer = () => {
        throw new HoldfastError(code, 'the secret is hunter2');
      };
      expect((await call(event)).body.error?.message).toBe('something failed inside (request r-1)');
    },
  );

  it('leaves one line with ids, status and duration', async () => {
    await call(event);
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      event: 'http.request',
      route: get,
      tenantId: 'acme',
      gatewayId: 'gw-1',
      status: 200,
      durationMs: expect.any(Number),
    });
  });
});

describe('a change', () => {
  const authorizer = tenant('tenant-admin');
  const event: HttpEvent = {
    routeKey: rename,
    requestContext: { authorizer, http: { sourceIp: '192.0.2.7', userAgent: 'curl/8' } },
    pathParameters: { gatewayId: 'gw-1' },
    body: '{"name":"Rome"}',
  };
  const steps = () => entries.map(({ step, outcome }) => [step, outcome?.state, outcome?.code]);

  it('is on record before it is made, and again with what became of it', async () => {
    answer = () => {
      expect(steps()).toEqual([['asked', undefined, undefined]]);
      return {};
    };
    await call(event);
    expect(steps()).toEqual([
      ['asked', undefined, undefined],
      ['ended', 'DONE', undefined],
    ]);
    expect(entries[1]).toMatchObject({
      tenantId: 'acme',
      gatewayId: 'gw-1',
      action: 'gateway.rename',
      actor: { kind: 'tenant', id: 't-1', role: 'tenant-admin' },
      from: { requestId: 'r-1', sourceIp: '192.0.2.7', userAgent: 'curl/8' },
      details: { name: 'Rome' },
    });
    expect(entries[0]!.entryKey < entries[1]!.entryKey).toBe(true);
  });

  it('is not made where it cannot be put on record', async () => {
    keep = () => Promise.reject(new Error('the table is away'));
    expect(await call(event)).toMatchObject({ statusCode: 503, body: { error: { code: 'UNAVAILABLE' } } });
    expect(served).toEqual([]);
  });

  it('that was made is answered as made, and the log says that its end is not on record', async () => {
    keep = (entry) => {
      if (entry.step === 'ended') throw new Error('the table is away');
    };
    expect(await call(event)).toMatchObject({ statusCode: 200 });
    expect(lines.join('')).toContain('audit.end-lost');
  });

  it.each([
    [new HoldfastError('NOT_FOUND', 'no such gateway'), 'REFUSED', 'NOT_FOUND'],
    [new Error('broke'), 'FAILED', 'INTERNAL'],
  ])('that ends with %s is on record as %s', async (error, state, code) => {
    answer = () => {
      throw error;
    };
    await call(event);
    expect(steps().at(-1)).toEqual(['ended', state, code]);
  });

  it('that a role does not allow is on record once; what it may not read is not', async () => {
    await call(at(rename, { authorizer: tenant('tenant-read'), pathParameters: { gatewayId: 'gw-1' } }));
    expect(steps()).toEqual([['ended', 'REFUSED', 'FORBIDDEN']]);
    await call(at('GET /v1/audit', { authorizer: tenant('tenant-read') }));
    await call(at(rename));
    expect(entries).toHaveLength(1);
  });

  it('that a role does not allow is answered with what to ask with', async () => {
    const ofReader = { authorizer: tenant('tenant-read'), pathParameters: { gatewayId: 'gw-1' } };
    expect((await call(at(rename, ofReader))).body).toMatchObject({
      error: { hint: expect.stringContaining('ask with a tenant-admin’s token') },
    });
    const ofFleet = await call(at('GET /operator/v1/audit', { authorizer: tenant('tenant-admin') }));
    expect(ofFleet.body).toMatchObject({
      error: { hint: expect.stringContaining('ask with an operator’s credentials') },
    });
  });

  it('is served by no function that has no trail', async () => {
    const bare = httpHandler({ env: [], deps: () => undefined, routes: { renameGateway: serve } });
    expect(await bare(event, context)).toMatchObject({ statusCode: 500 });
    expect(served).toEqual([]);
  });
});

test('what is only read leaves no entry', async () => {
  await call(at(get, { authorizer: tenant('tenant-read'), pathParameters: { gatewayId: 'gw-1' } }));
  expect(entries).toEqual([]);
});
