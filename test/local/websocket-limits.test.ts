import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { WebSocket } from 'ws';
import type { CallResult } from '../../local/functions/callers.ts';
import type { ApiModel, Route } from '../../local/gateway/api-model.ts';
import { WebSocketApi } from '../../local/gateway/websocket-api.ts';
import { webSocketLimits, type WebSocketLimits } from '../../local/gateway/websocket-limits.ts';
import { KeyRing } from '../../local/iam/keys.ts';
import { Region } from '../../local/region.ts';
import { Identities, rootUser } from '../../local/services/identities.ts';
import { signedCall } from '../../local/services/root-client.ts';

interface CalledEvent {
  requestContext: { routeKey: string; connectionId: string; disconnectStatusCode?: number };
  body?: string;
}

const region = new Region({
  region: 'eu-west-1',
  accountId: '000000000000',
  plans: [],
  servicesUrls: {},
  users: {},
});
const keys = new KeyRing(Buffer.alloc(32, 7));
const route = (routeKey: string): Route => ({
  routeKey,
  functionArn: 'arn:aws:lambda:eu-west-1:000000000000:function:f',
  timeoutMs: 29_000,
  payloadFormat: '1.0',
  authorization: 'NONE',
  scopes: [],
});

const running: WebSocketApi[] = [];
afterEach(async () => {
  for (const api of running.splice(0)) {
    api.close();
    await new Promise((resolve) => api.server.close(resolve));
  }
});

/** One API whose functions are `answer`; every event is kept and can be awaited. */
async function start(
  options: {
    limits?: Partial<WebSocketLimits>;
    answer?: (event: CalledEvent) => Promise<CallResult>;
    routes?: string[];
  } = {},
) {
  const events: CalledEvent[] = [];
  let told = () => undefined as void;
  const api = new WebSocketApi({
    api: {
      id: 'api1',
      logicalId: 'Api',
      properties: { Name: 'api', ProtocolType: 'WEBSOCKET', RouteSelectionExpression: '$request.body.t' },
      stages: ['v1'],
      routes: (options.routes ?? ['$connect', '$default', '$disconnect', 'known']).map(route),
    } as ApiModel,
    region,
    identities: new Identities(region, keys),
    caller: {
      call: async (_service, _functionArn, _sourceArn, event) => {
        events.push(event as CalledEvent);
        told();
        return (await options.answer?.(event as CalledEvent)) ?? { kind: 'ok', payload: { statusCode: 200 } };
      },
    },
    limits: { ...webSocketLimits, ...options.limits },
    now: () => new Date(),
    onFault: (error) => {
      throw error;
    },
  });
  running.push(api);
  api.server.listen(0, '127.0.0.1');
  await once(api.server, 'listening');
  const base = `http://127.0.0.1:${(api.server.address() as AddressInfo).port}/v1`;
  const event = async (routeKey: string): Promise<CalledEvent> => {
    for (;;) {
      const found = events.find(({ requestContext }) => requestContext.routeKey === routeKey);
      if (found) return found;
      await new Promise<void>((resolve) => (told = resolve));
    }
  };
  const open = async () => {
    const socket = new WebSocket(base.replace('http', 'ws'));
    await once(socket, 'open');
    return socket;
  };
  const post = (connectionId: string, body: string) =>
    signedCall({
      url: `${base}/@connections/${encodeURIComponent(connectionId)}`,
      service: 'execute-api',
      region: 'eu-west-1',
      credentials: keys.userKey(rootUser),
      body,
    });
  return { base, events, event, open, post };
}

const closed = async (socket: WebSocket) => ((await once(socket, 'close')) as [number])[0];

describe('limits of a WebSocket API', () => {
  it('closes with 1009 for a frame of more than 32 KB, and hands nothing of it on', async () => {
    const { open, events, event } = await start();
    const socket = await open();
    socket.send('x'.repeat(32 * 1024 + 1));
    expect(await closed(socket)).toBe(1009);
    expect((await event('$disconnect')).requestContext.disconnectStatusCode).toBe(1009);
    expect(events.filter(({ requestContext }) => requestContext.routeKey === '$default')).toEqual([]);
  });

  it('takes a message of 128 KB in frames of 32 KB, and closes with 1009 for one byte more', async () => {
    const { open, event } = await start();
    const socket = await open();
    const frame = 'x'.repeat(32 * 1024);
    for (const fin of [false, false, false, true]) socket.send(frame, { fin });
    expect((await event('$default')).body).toHaveLength(128 * 1024);
    for (const fin of [false, false, false, false]) socket.send(frame, { fin });
    socket.send('x', { fin: true });
    expect(await closed(socket)).toBe(1009);
  });

  it('ends a connection without messages after its idle time, pings notwithstanding', async () => {
    const { open } = await start({ limits: { idleMs: 150 } });
    const socket = await open();
    const pings = setInterval(() => socket.ping(), 20);
    expect(await closed(socket)).toBe(1001);
    clearInterval(pings);
  });

  it('keeps a connection as long as messages pass, and ends it at the end of its life all the same', async () => {
    const { open } = await start({ limits: { idleMs: 300, lifeMs: 900 } });
    const openedAtMs = performance.now();
    const socket = await open();
    const messages = setInterval(() => socket.send('{}'), 50);
    expect(await closed(socket)).toBe(1001);
    clearInterval(messages);
    expect(performance.now() - openedAtMs).toBeGreaterThan(600);
  });

  it('ends a connection whose peer does not answer the close frame', async () => {
    const { base, event } = await start({ limits: { idleMs: 50, closeMs: 50 } });
    const socket = new WebSocket(base.replace('http', 'ws'));
    await once(socket, 'open');
    socket.pause();
    expect((await event('$disconnect')).requestContext.disconnectStatusCode).toBe(1006);
    socket.terminate();
  }, 10_000);

  it('answers 410 to a post while $connect is not through, and delivers after it', async () => {
    const api: Awaited<ReturnType<typeof start>> = await start({
      answer: async ({ requestContext }) => {
        if (requestContext.routeKey !== '$connect') return { kind: 'ok', payload: null };
        const early = await api
          .post(requestContext.connectionId, 'early')
          .catch((error: Error) => error.name);
        return { kind: 'ok', payload: { statusCode: early === 'GoneException' ? 200 : 500 } };
      },
    });
    const socket = await api.open();
    const arrived = once(socket, 'message');
    await api.post((await api.event('$connect')).requestContext.connectionId, 'late');
    expect(String(((await arrived) as [Buffer])[0])).toBe('late');
    socket.terminate();
  });

  it('sends a post of 128 KB in frames of at most 32 KB', async () => {
    const { open, event, post } = await start();
    const socket = await open();
    const frames: number[] = [];
    const receiver = (socket as unknown as { _receiver: { _fragments: Buffer[] } })._receiver;
    const fragments = receiver._fragments;
    fragments.push = (...chunks: Buffer[]) => {
      frames.push(...chunks.map(({ length }) => length));
      return Array.prototype.push.apply(fragments, chunks);
    };
    const arrived = once(socket, 'message') as Promise<[Buffer]>;
    await post((await event('$connect')).requestContext.connectionId, 'y'.repeat(128 * 1024));
    expect((await arrived)[0]).toHaveLength(128 * 1024);
    expect(frames).toEqual([32_768, 32_768, 32_768, 32_768]);
    socket.terminate();
  });
});

describe('routes of a WebSocket API', () => {
  it('go by the property that the API names; anything else goes to $default', async () => {
    const { open, event, events } = await start();
    const socket = await open();
    for (const text of ['{"t":"known"}', '{"t":"other"}', '{"t":{}}', '[]', 'null', '"t"', '{'])
      socket.send(text);
    await event('known');
    socket.close();
    await event('$disconnect');
    const routed = events.slice(1, -1).map(({ body, requestContext }) => [body, requestContext.routeKey]);
    expect(new Map(routed as [string, string][])).toEqual(
      new Map([
        ['{"t":"known"}', 'known'],
        ...['{"t":"other"}', '{"t":{}}', '[]', 'null', '"t"', '{'].map((body): [string, string] => [
          body,
          '$default',
        ]),
      ]),
    );
  });

  it('answer Forbidden where there is neither the route nor $default', async () => {
    const { open } = await start({ routes: ['$connect', 'known'] });
    const socket = await open();
    socket.send('{"t":"other"}');
    const [data] = (await once(socket, 'message')) as [Buffer];
    expect(JSON.parse(data.toString())).toMatchObject({ message: 'Forbidden' });
    socket.terminate();
  });

  it.each<[CallResult, number]>([
    [{ kind: 'failed' }, 502],
    [{ kind: 'throttled' }, 500],
    [{ kind: 'forbidden' }, 500],
    [{ kind: 'timeout' }, 504],
    [{ kind: 'ok', payload: null }, 502],
    [{ kind: 'ok', payload: { statusCode: 401 } }, 401],
  ])('refuse the connection when $connect ends with %j: %d', async (result, status) => {
    const { base } = await start({ answer: async () => result });
    const socket = new WebSocket(base.replace('http', 'ws'));
    const [, response] = (await once(socket, 'unexpected-response')) as [
      unknown,
      { statusCode: number; resume(): void },
    ];
    response.resume();
    expect(response.statusCode).toBe(status);
  });

  it('survive frames that are no WebSocket', async () => {
    const { base, open } = await start();
    const { createConnection } = await import('node:net');
    const raw = createConnection(Number(new URL(base).port), '127.0.0.1');
    raw.write(
      'GET /v1 HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n',
    );
    raw.write('sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n');
    await once(raw, 'data');
    raw.write(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]));
    await once(raw, 'close');
    (await open()).terminate();
  });
});
