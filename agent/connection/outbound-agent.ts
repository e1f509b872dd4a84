import type { Agent as HttpAgent, ClientRequest } from 'node:http';
import type { Duplex } from 'node:stream';
import { Agent, type AgentConnectOpts } from 'agent-base';
import type { ProxyAgent } from 'proxy-agent';
import { isLoopback } from '../../core/loopback.ts';
import { openTunnel } from './connect-tunnel.ts';

const proxyVariables = ['https_proxy', 'http_proxy', 'all_proxy'];
/** Shorter than anybody waits for an answer of the host behind it, so that the proxy is named. */
const connectTimeoutMsDefault = 15_000;

/**
 * The agent for outbound connections where the environment names a proxy: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and
 * NO_PROXY decide for each URL; this machine itself is never reached through one. Undefined without a proxy.
 * Custom certificate authorities come through NODE_EXTRA_CA_CERTS, as in any Node program.
 */
export function outboundAgent(
  env: Record<string, string | undefined>,
  { connectTimeoutMs = connectTimeoutMsDefault }: { connectTimeoutMs?: number } = {},
): HttpAgent | undefined {
  const names = proxyVariables.flatMap((name) => [name, name.toUpperCase()]);
  if (!names.some((name) => env[name])) return undefined;
  return new OutboundAgent(connectTimeoutMs);
}

/** Chooses the way as everybody does; what goes through CONNECT goes through our own, which is bounded. */
class OutboundAgent extends Agent {
  readonly #connectTimeoutMs: number;
  #ways: Promise<ProxyAgent> | undefined;

  constructor(connectTimeoutMs: number) {
    super({ keepAlive: true });
    this.#connectTimeoutMs = connectTimeoutMs;
  }

  override async connect(request: ClientRequest, to: AgentConnectOpts): Promise<Duplex | HttpAgent> {
    this.#ways ??= proxyWays();
    const way = await (await this.#ways).connect(request, to);
    const { HttpsProxyAgent } = await import('https-proxy-agent');
    if (!(way instanceof HttpsProxyAgent)) return way;
    return openTunnel(way.proxy, to, { asking: request, timeoutMs: this.#connectTimeoutMs });
  }

  override destroy(): void {
    void this.#ways?.then((ways) => ways.destroy());
    super.destroy();
  }
}

/** Loaded with the first connection: most machines have no proxy, and every start would take longer for it. */
async function proxyWays(): Promise<ProxyAgent> {
  const { ProxyAgent } = await import('proxy-agent');
  const standard = new ProxyAgent().getProxyForUrl;
  return new ProxyAgent({
    keepAlive: true,
    // WebSockets go the way of HTTP: by default they would ask for WSS_PROXY, which nobody sets.
    getProxyForUrl: (url, request) => {
      const asHttp = url.replace(/^ws/, 'http');
      return isLoopback(new URL(asHttp).hostname) ? '' : standard(asHttp, request);
    },
  });
}

/** The proxy that the agent goes through to a URL; empty where it goes by itself. */
export async function proxyFor(url: string): Promise<string> {
  const { getProxyForUrl } = await proxyWays();
  // Which request asks makes no difference to the environment's rules.
  return getProxyForUrl(url, undefined as never);
}
