import { request as httpRequest, type ClientRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as tlsConnect } from 'node:tls';
import type { AgentConnectOpts } from 'agent-base';

/** Why a proxy does not connect. `code` tells what may pass (its upstream is away) from what does not. */
export class ProxyRefusal extends Error {
  override readonly name = 'ProxyRefusal';
  readonly code: 'PROXY_REFUSED' | 'PROXY_UNAVAILABLE';

  constructor(message: string, { mayPass }: { mayPass: boolean }) {
    super(message);
    this.code = mayPass ? 'PROXY_UNAVAILABLE' : 'PROXY_REFUSED';
  }
}

/**
 * A connection to `to` through an HTTP proxy's CONNECT, with TLS inside where `to` wants it. Whatever the proxy does it
 * ends after `timeoutMs`, and no more of its answer is read than Node reads of any header. `asking` is the request that
 * wants the connection. Throws ProxyRefusal.
 */
export async function openTunnel(
  proxy: URL,
  to: AgentConnectOpts,
  { asking, timeoutMs }: { asking: ClientRequest; timeoutMs: number },
): Promise<Duplex> {
  const socket = await askProxy(proxy, authorityOf(to), timeoutMs);
  if (asking.destroyed) {
    socket.destroy();
    throw new Error('nobody waits for the connection any more');
  }
  if (!to.secureEndpoint) return socket;
  const { host, path: _path, port: _port, ...options } = to;
  const servername = options.servername ?? (host && !isIP(host) ? host : undefined);
  return tlsConnect({ ...options, ...(servername && { servername }), socket });
}

function authorityOf({ host, port }: AgentConnectOpts): string {
  const name = host ?? 'localhost';
  return `${isIP(name) === 6 ? `[${name}]` : name}:${port}`;
}

/** An open way to `authority` (`host:port`) through the proxy, nothing sent on it. Throws ProxyRefusal. */
export function askProxy(proxy: URL, authority: string, timeoutMs: number): Promise<Socket> {
  const isSecure = proxy.protocol === 'https:';
  const options: RequestOptions = {
    method: 'CONNECT',
    host: proxy.hostname.replace(/^\[|\]$/g, ''),
    port: proxy.port || (isSecure ? 443 : 80),
    path: authority,
    agent: false,
    headers: { host: authority, ...credentialsOf(proxy) },
  };
  return new Promise((resolve, reject) => {
    const request = (isSecure ? httpsRequest : httpRequest)(options);
    const late = setTimeout(() => {
      const what = `the proxy ${proxy.host} did not answer within ${timeoutMs / 1000} s`;
      request.destroy(new ProxyRefusal(what, { mayPass: true }));
    }, timeoutMs);
    request.once('connect', (response, socket, head) => {
      clearTimeout(late);
      const status = response.statusCode ?? 0;
      if (status === 200) {
        if (head.length > 0) socket.unshift(head);
        return resolve(socket);
      }
      socket.destroy();
      const mayPass = status >= 500 || status === 429;
      reject(new ProxyRefusal(`the proxy ${proxy.host} refused to connect, HTTP ${status}`, { mayPass }));
    });
    request.once('error', (cause: NodeJS.ErrnoException) => {
      clearTimeout(late);
      reject(cause instanceof ProxyRefusal ? cause : troubleWith(proxy, cause));
    });
    request.end();
  });
}

function troubleWith({ host }: URL, { code = '', message }: NodeJS.ErrnoException): ProxyRefusal {
  if (code.startsWith('HPE_'))
    return new ProxyRefusal(`what the proxy ${host} answers is not HTTP`, { mayPass: false });
  return new ProxyRefusal(`the proxy ${host} cannot be used: ${code || message}`, { mayPass: true });
}

function credentialsOf({ username, password }: URL): Record<string, string> {
  if (!username && !password) return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(pair).toString('base64')}` };
}
