import type { Agent, ClientRequest } from 'node:http';
import { ProxyAgent } from 'proxy-agent';
import { isLoopback } from '../identity/gateway-identity.ts';

const proxyVariables = ['https_proxy', 'http_proxy', 'all_proxy'];

/**
 * The agent for outbound connections where the environment names a proxy: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and
 * NO_PROXY decide for each URL; this machine itself is never reached through one. Undefined without a proxy.
 * Custom certificate authorities come through NODE_EXTRA_CA_CERTS, as in any Node program.
 */
export function outboundAgent(env: Record<string, string | undefined>): Agent | undefined {
  const names = proxyVariables.flatMap((name) => [name, name.toUpperCase()]);
  if (!names.some((name) => env[name])) return undefined;
  const standard = new ProxyAgent().getProxyForUrl;
  return new TunnelAgent({
    // WebSockets go the way of HTTP: by default they would ask for WSS_PROXY, which nobody sets.
    getProxyForUrl: (url, request) => {
      const asHttp = url.replace(/^ws/, 'http');
      return isLoopback(new URL(asHttp).hostname) ? '' : standard(asHttp, request);
    },
  });
}

/** What a proxy says when it does not connect. `code` tells what may pass (its upstream is away) from what does not. */
export class ProxyRefusal extends Error {
  override readonly name = 'ProxyRefusal';
  readonly code: 'PROXY_REFUSED' | 'PROXY_UNAVAILABLE';

  constructor(proxyHost: string, status: number) {
    super(`the proxy ${proxyHost} refused to connect, HTTP ${status}`);
    this.code = status >= 500 || status === 429 ? 'PROXY_UNAVAILABLE' : 'PROXY_REFUSED';
  }
}

/** Otherwise the proxy's refusal would be taken for the answer of whom it was to connect to. */
class TunnelAgent extends ProxyAgent {
  override async connect(...args: Parameters<ProxyAgent['connect']>): ReturnType<ProxyAgent['connect']> {
    const agent = await super.connect(...args);
    const [request] = args;
    const proxy = (agent as { proxy?: URL }).proxy;
    if (proxy)
      (request as ClientRequest).once('proxyConnect', ({ statusCode }: { statusCode?: number }) => {
        // Without one nothing was connected: plain HTTP is passed on as it is.
        if (statusCode !== undefined && statusCode !== 200)
          request.destroy(new ProxyRefusal(proxy.host, statusCode));
      });
    return agent;
  }
}
