import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { asHoldfastError, errorCodes } from '../../core/errors.ts';
import type { ControlPlane } from './admin-world.ts';

export interface ControlPlaneServer {
  endpoint: string;
  /** `Authorization` headers that were seen. */
  authorizations: Set<string | undefined>;
  /** Called for each request before it is served; a promise that stays open keeps the request waiting. */
  onRequest: (method: string, path: string) => Promise<void>;
  close(): Promise<void>;
}

/** A control plane behind HTTP, as the admin process's real client asks it. `of`: by the token, for many at once. */
export async function serveControlPlane(of: (token: string) => ControlPlane): Promise<ControlPlaneServer> {
  const server = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request;
    controlPlane.authorizations.add(headers.authorization);
    const body = await text(request);
    await controlPlane.onRequest(method, url);
    response.setHeader('content-type', 'application/json');
    try {
      const api = of(headers.authorization?.replace('Bearer ', '') ?? '');
      response.end(JSON.stringify(await answer(api, method, url, body)));
    } catch (thrown) {
      const { code, message } = asHoldfastError(thrown);
      response.writeHead(errorCodes[code].http).end(JSON.stringify({ error: { code, message } }));
    }
  });
  const controlPlane: ControlPlaneServer = {
    endpoint: '',
    authorizations: new Set(),
    onRequest: async () => undefined,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  controlPlane.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return controlPlane;
}

async function answer({ api }: ControlPlane, method: string, url: string, body: string): Promise<object> {
  const [, , what, id = '', verb, commandId = ''] = (url.split('?')[0] ?? '').split('/');
  if (what === 'alerts' && id === '') return { alerts: await api.listOpenAlerts() };
  if (what === 'alerts' && verb === 'escalate')
    return { alert: await api.escalateAlert(id, JSON.parse(body)) };
  if (what === 'alerts') return { alert: await api.getAlert(id) };
  if (verb === undefined) return { gateway: await api.getGateway(id) };
  if (verb === 'configuration') return { configuration: await api.getConfiguration(id) };
  if (method === 'POST') return { command: await api.submitCommand(id, JSON.parse(body)) };
  return { command: await api.getCommand(id, commandId) };
}
