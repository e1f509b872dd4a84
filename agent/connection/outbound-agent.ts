import type { Agent } from 'node:http';
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
  return new ProxyAgent({
    // WebSockets go the way of HTTP: by default they would ask for WSS_PROXY, which nobody sets.
    getProxyForUrl: (url, request) => {
      const asHttp = url.replace(/^ws/, 'http');
      return isLoopback(new URL(asHttp).hostname) ? '' : standard(asHttp, request);
    },
  });
}
