import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What happens to one request on its way to the real server; undefined: it passes. */
export type Fault =
  | { kind: 'answer'; status: number; code: string }
  /** The connection ends before an answer. */
  | { kind: 'reset' }
  /** The request arrives, its answer does not. */
  | { kind: 'reset-after' }
  /** The answer is not HTTP. */
  | { kind: 'garbage' }
  /** As if the request had asked for no range. */
  | { kind: 'no-range' }
  /** Another protocol from here on. */
  | { kind: 'switch' }
  /** A body that has no end. */
  | { kind: 'endless'; status: number }
  /** A whole answer of somebody else. */
  | { kind: 'body'; text: string }
  /** The answer ends early. */
  | { kind: 'truncate' };

export interface FlakyProxy {
  endpoint: string;
  /** Requests so far, as `PUT /bucket/key`. */
  requests: string[];
  /** Decides about each request; replace it at any time. */
  faultFor: (label: string, count: number) => Fault | undefined;
  close(): Promise<void>;
}

/** A proxy in front of a real S3 server that fails as networks and S3 do. */
export async function startFlakyProxy(targetUrl: string): Promise<FlakyProxy> {
  const target = new URL(targetUrl);
  const server = createServer((incoming, outgoing) => {
    const label = `${incoming.method} ${incoming.url!.split('?')[0]}`;
    proxy.requests.push(label);
    const fault = proxy.faultFor(label, proxy.requests.filter((each) => each === label).length);
    if (fault?.kind === 'reset') return void incoming.socket.destroy();
    if (fault?.kind === 'garbage') return void incoming.socket.end('\0garbage\r\n\r\n');
    if (fault?.kind === 'switch')
      return void incoming.socket.end('HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n');
    if (fault?.kind === 'endless') return endless(outgoing.writeHead(fault.status));
    if (fault?.kind === 'body') return void outgoing.end(fault.text);
    if (fault?.kind === 'no-range') delete incoming.headers.range;
    if (fault?.kind === 'answer') return void answer(incoming, outgoing, fault);
    forward(incoming, outgoing, target, fault);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: FlakyProxy = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    faultFor: () => undefined,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return proxy;
}

function endless(outgoing: ServerResponse): void {
  const part = Buffer.alloc(1024 * 1024, 'x');
  const go = (): void => {
    while (!outgoing.destroyed && outgoing.write(part));
  };
  outgoing.on('drain', go);
  go();
}

function answer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { status, code }: { status: number; code: string },
) {
  incoming.resume();
  incoming.on('end', () => {
    outgoing.writeHead(status, { 'content-type': 'application/xml' });
    outgoing.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>injected</Message></Error>`);
  });
}

function forward(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  target: URL,
  fault: Fault | undefined,
): void {
  const { method, url, headers } = incoming;
  const { hostname, port } = target;
  const onward = request(
    { hostname, port, method, path: url, headers: { ...headers, host: target.host } },
    (reply) => {
      if (fault?.kind === 'reset-after') {
        reply.resume();
        return void incoming.socket.destroy();
      }
      outgoing.writeHead(reply.statusCode!, reply.headers);
      if (fault?.kind !== 'truncate') return void reply.pipe(outgoing);
      reply.once('data', (part: Buffer) =>
        outgoing.write(part.subarray(0, part.length >> 1), () => incoming.socket.destroy()),
      );
    },
  );
  onward.on('error', () => incoming.socket.destroy());
  incoming.pipe(onward);
}
