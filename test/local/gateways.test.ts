import {
  ApiGatewayManagementApiClient,
  DeleteConnectionCommand,
  GetConnectionCommand,
  PostToConnectionCommand,
} from '@aws-sdk/client-apigatewaymanagementapi';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { SignatureV4 } from '@smithy/signature-v4';
import { WebSocket } from 'ws';
import { NodeSha256 } from '../../local/iam/node-sha256.ts';
import { bootFixture, temporaryDirectory, type FixtureCloud } from './fixture.ts';

const directory = temporaryDirectory();
let cloud: FixtureCloud;
beforeAll(async () => {
  cloud = await bootFixture(directory.path);
});
afterAll(async () => {
  await cloud.stop();
  directory.remove();
});

interface Received {
  requestContext: { connectionId: string; authorizer: Record<string, unknown>; [key: string]: unknown };
  body?: string;
}

describe('a WebSocket API on one machine', () => {
  const dial = (headers: Record<string, string>, query = '') =>
    new WebSocket(`${cloud.urls['alpha']?.['SocketUrl']}${query}`, { headers });
  const refusal = async (socket: WebSocket) => {
    const [, response] = (await once(socket, 'unexpected-response')) as [
      unknown,
      { statusCode: number; resume(): void },
    ];
    response.resume();
    return response.statusCode;
  };
  const received = async (route: string, fits: (event: Received) => boolean) => {
    const record = await cloud.logged(
      (line) => line.event === `socket.${route}` && fits(line['received'] as Received),
    );
    return record['received'] as Received;
  };
  const open = async (token: string) => {
    const socket = dial({ token });
    await once(socket, 'open');
    const { requestContext } = await received(
      '$connect',
      (event) => event.requestContext.authorizer['principalId'] === `p-${token}`,
    );
    return { socket, connectionId: requestContext.connectionId };
  };
  const manager = async (functionName: string) => {
    const settings = await cloud.actAs(functionName);
    const endpoint = cloud.urls['alpha']?.['SocketUrl']?.replace(/^ws/, 'http');
    return new ApiGatewayManagementApiClient({ ...settings, endpoint });
  };

  it('asks the authorizer at $connect, and hands its context to every later route as text', async () => {
    const { socket, connectionId } = await open('one');
    socket.send(JSON.stringify({ t: 'hello', n: 1 }));
    const hello = await received('hello', (event) => event.requestContext.connectionId === connectionId);
    expect(hello.requestContext.authorizer).toEqual({
      principalId: 'p-one',
      gatewayId: 'g-one',
      generation: '3',
    });
    expect(JSON.parse(hello.body ?? '')).toEqual({ t: 'hello', n: 1 });
    socket.send('no json');
    expect((await received('$default', () => true)).body).toBe('no json');
    socket.close(1000, 'done');
    const gone = await received('$disconnect', (event) => event.requestContext.connectionId === connectionId);
    expect(gone.requestContext).toMatchObject({
      disconnectStatusCode: 1000,
      authorizer: { gatewayId: 'g-one' },
    });
  });

  it('refuses without token (401), by Deny (403), with a broken authorizer or too much context (500)', async () => {
    expect(await refusal(dial({}))).toBe(401);
    expect(await refusal(dial({ token: 'bad' }))).toBe(403);
    expect(await refusal(dial({ token: 'broken' }))).toBe(500);
    expect(await refusal(dial({ token: 'huge' }))).toBe(500);
  });

  it('answers what $connect answers, and 403 on a path that is no stage', async () => {
    expect(await refusal(dial({ token: 'x' }, '?refuse=409'))).toBe(409);
    expect(await refusal(dial({ token: 'x' }, '/elsewhere'))).toBe(403);
  });

  it('tells the client when a route’s function fails', async () => {
    const { socket, connectionId } = await open('two');
    socket.send(JSON.stringify({ t: 'fail' }));
    const [data] = (await once(socket, 'message')) as [Buffer];
    expect(JSON.parse(data.toString())).toMatchObject({ message: 'Internal server error', connectionId });
    socket.terminate();
  });

  it('posts to a connection, looks at it and ends it', async () => {
    const { socket, connectionId: ConnectionId } = await open('three');
    const connections = await manager('probe');
    const arrived = once(socket, 'message') as Promise<[Buffer, boolean]>;
    await connections.send(new PostToConnectionCommand({ ConnectionId, Data: 'ü'.repeat(40_000) }));
    const [data, isBinary] = await arrived;
    expect([data.toString(), isBinary]).toEqual(['ü'.repeat(40_000), false]);
    const seen = await connections.send(new GetConnectionCommand({ ConnectionId }));
    expect(seen.Identity?.SourceIp).toBe('127.0.0.1');
    expect(seen.LastActiveAt?.getTime()).toBeGreaterThanOrEqual(seen.ConnectedAt?.getTime() ?? Infinity);
    const closed = once(socket, 'close');
    await connections.send(new DeleteConnectionCommand({ ConnectionId }));
    await closed;
    await received('$disconnect', (event) => event.requestContext.connectionId === ConnectionId);
    const late = connections.send(new PostToConnectionCommand({ ConnectionId, Data: 'x' }));
    await expect(late).rejects.toMatchObject({ name: 'GoneException', $metadata: { httpStatusCode: 410 } });
  });

  it('refuses posts of more than 128 KB, unsigned ones and those of a role without the grant', async () => {
    const { socket, connectionId: ConnectionId } = await open('four');
    const Data = 'x'.repeat(128 * 1024 + 1);
    await expect(
      (await manager('probe')).send(new PostToConnectionCommand({ ConnectionId, Data })),
    ).rejects.toMatchObject({
      name: 'PayloadTooLargeException',
      $metadata: { httpStatusCode: 413 },
    });
    const far = (await manager('far')).send(new PostToConnectionCommand({ ConnectionId, Data: 'x' }));
    await expect(far).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
    const url = `${cloud.urls['alpha']?.['SocketUrl']?.replace(/^ws/, 'http')}/@connections/${encodeURIComponent(ConnectionId)}`;
    expect((await fetch(url, { method: 'POST', body: 'x' })).status).toBe(403);
    socket.terminate();
  });
});

describe('an HTTP API on one machine', () => {
  const url = (path: string) => `${cloud.urls['alpha']?.['HttpUrl']}${path}`;
  const ask = async (path: string, init?: RequestInit) => {
    const response = await fetch(url(path), init);
    return {
      status: response.status,
      headers: response.headers,
      body: (await response.json()) as Record<string, unknown>,
    };
  };

  it('sends an event of payload format 2.0', async () => {
    const { body } = await ask('/open/a%20b?x=1&x=2', { headers: { cookie: 'c=1; d=2', 'X-Test': 'y' } });
    expect(body).toMatchObject({
      version: '2.0',
      routeKey: 'GET /open/{id}',
      rawPath: '/open/a%20b',
      rawQueryString: 'x=1&x=2',
      queryStringParameters: { x: '1,2' },
      pathParameters: { id: 'a b' },
      cookies: ['c=1', 'd=2'],
      headers: { 'x-test': 'y' },
      requestContext: {
        http: { method: 'GET', path: '/open/a%20b', sourceIp: '127.0.0.1' },
        stage: '$default',
      },
      isBase64Encoded: false,
    });
    expect((await ask('/open/exact')).body['routeKey']).toBe('GET /open/exact');
  });

  it('sends text as text and other bodies in base64', async () => {
    const json = await ask('/open', {
      method: 'POST',
      body: '{"a":"ü"}',
      headers: { 'content-type': 'application/json' },
    });
    expect(json.body).toMatchObject({ body: '{"a":"ü"}', isBase64Encoded: false });
    const binary = await ask('/open', {
      method: 'POST',
      body: Buffer.from([0, 255]),
      headers: { 'content-type': 'application/octet-stream' },
    });
    expect(binary.body).toMatchObject({ body: 'AP8=', isBase64Encoded: true });
  });

  it('writes what a function answers: binary with cookies, or a bare value', async () => {
    const response = await fetch(url('/open/1?answer=binary'));
    expect(response.status).toBe(201);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(Buffer.from([0, 1, 2]));
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(await ask('/open/1?answer=plain')).toMatchObject({ status: 200, body: { hello: 'world' } });
  });

  it('answers 404, 413, 500 as API Gateway does', async () => {
    expect(await ask('/nothing')).toMatchObject({ status: 404, body: { message: 'Not Found' } });
    expect(await ask('/open/1?answer=fail')).toMatchObject({
      status: 500,
      body: { message: 'Internal Server Error' },
    });
    const large = { method: 'POST', body: Buffer.alloc(10 * 1024 * 1024 + 1) };
    expect(await ask('/open', large)).toMatchObject({
      status: 413,
      body: { message: 'Request Entity Too Large' },
    });
  });

  it('answers 500 where the function does not permit the API to invoke it', async () => {
    expect(await ask('/unpermitted')).toMatchObject({ status: 500 });
  });

  it('asks the authorizer with simple answers', async () => {
    const guarded = (authorization?: string) =>
      ask('/guarded', authorization ? { headers: { authorization } } : {});
    expect(await guarded()).toMatchObject({ status: 401, body: { message: 'Unauthorized' } });
    expect(await guarded('Bearer bad')).toMatchObject({ status: 403, body: { message: 'Forbidden' } });
    const good = await guarded('Bearer good');
    expect(good.body).toMatchObject({ requestContext: { authorizer: { lambda: { tenantId: 't1' } } } });
  });

  it('lets in by IAM whoever may execute-api:Invoke', async () => {
    const signed = async (credentials: { accessKeyId: string; secretAccessKey: string }) => {
      const target = new URL(url('/operators/fleet/list'));
      const signer = new SignatureV4({
        service: 'execute-api',
        region: cloud.region,
        credentials,
        sha256: NodeSha256,
      });
      const { headers } = await signer.sign({
        method: 'PUT',
        protocol: 'http:',
        hostname: target.hostname,
        path: target.pathname,
        query: { q: 'a b' },
        headers: { host: target.host },
        body: '{}',
      });
      return ask('/operators/fleet/list?q=a%20b', { method: 'PUT', headers, body: '{}' });
    };
    expect(await ask('/operators/fleet/list')).toMatchObject({ status: 403, body: { message: 'Forbidden' } });
    expect(await signed((await cloud.actAs('narrow')).credentials)).toMatchObject({ status: 403 });
    const operator = await signed(cloud.operatorCredentials);
    expect(operator.body).toMatchObject({
      routeKey: 'ANY /operators/{proxy+}',
      pathParameters: { proxy: 'fleet/list' },
      requestContext: { authorizer: { iam: { userArn: 'arn:aws:iam::000000000000:user/operator' } } },
    });
  });

  it('answers a preflight for the origins that the template names', async () => {
    const preflight = (origin: string) =>
      fetch(url('/open/1'), {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'GET' },
      });
    const allowed = await preflight('https://console.example');
    expect([allowed.status, allowed.headers.get('access-control-allow-origin')]).toEqual([
      204,
      'https://console.example',
    ]);
    expect(
      (await preflight('https://elsewhere.example')).headers.get('access-control-allow-origin'),
    ).toBeNull();
  });
});
