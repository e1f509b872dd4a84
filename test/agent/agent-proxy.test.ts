import { X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { saveIdentity } from '../../agent/identity/gateway-identity.ts';
import { loadOrCreateGatewayKey } from '../../agent/identity/gateway-key.ts';
import { selfSignedCertificate } from '../support/certificate.ts';
import { describeWithClients } from '../support/clients.ts';
import { AgentProcess } from './agent-process.ts';
import { FakeCell } from './fake-cell.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const host = 'cell-1.example.test';

describeWithClients(['openssl'], 'an agent behind a proxy', () => {
  const directory = temporaryDirectory();
  const state = join(directory, 'state');
  let certificate: string;
  /** What the proxy was asked to connect to. */
  const asked: string[] = [];
  let cell: FakeCell;
  let proxy: Server;
  const agents: AgentProcess[] = [];

  beforeAll(async () => {
    mkdirSync(state, { mode: 0o700 });
    const made = await selfSignedCertificate(directory, host);
    certificate = made.certificate;
    const { publicKey } = await loadOrCreateGatewayKey(join(state, 'key.json'));
    cell = new FakeCell('c1', publicKey, {
      key: readFileSync(made.key, 'utf8'),
      cert: readFileSync(certificate, 'utf8'),
    });
    await cell.listen();
    await saveIdentity(join(state, 'identity.json'), {
      gatewayId: 'g1',
      tenantId: 'acme',
      cells: [{ cellId: 'c1', webSocketUrl: `wss://${host}/live` }],
      serverUrl: 'https://example.test/',
      activatedAt: 1,
    });
    // The name exists nowhere: whoever reaches the cell came through here.
    proxy = createServer();
    proxy.on('connect', (request, socket, head) => {
      asked.push(request.url ?? '');
      const upstream = connect(cell.port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        upstream.write(head);
        upstream.pipe(socket).pipe(upstream);
      });
      for (const end of [socket, upstream]) end.on('error', () => upstream.destroy());
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    for (const agent of agents) await agent.kill('SIGKILL');
    await cell.close();
    proxy.closeAllConnections();
    await new Promise((resolve) => proxy.close(resolve));
  });
  const start = (env: Record<string, string>): AgentProcess => {
    const agent = new AgentProcess(state, [], {
      HTTPS_PROXY: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
      ...env,
    });
    agents.push(agent);
    return agent;
  };

  it('does not trust a server whose authority it does not know', async () => {
    const agent = start({});
    const { reason } = await agent.until('link.attempt-failed');
    expect(reason).toMatch(/certificate/);
    expect(asked).toEqual([`${host}:443`]);
    await agent.kill('SIGTERM');
  });

  it('reaches its cell through HTTPS_PROXY and trusts NODE_EXTRA_CA_CERTS', async () => {
    const agent = start({ NODE_EXTRA_CA_CERTS: certificate });
    await cell.untilFrame('hello');
    await agent.until('link.up');
  });

  it('reports when the first certificate ends of the chain that it was shown', async () => {
    const { body } = await cell.untilFrame('status');
    const { validTo } = new X509Certificate(readFileSync(certificate));
    expect(body.heartbeat.checked).toContain('expiries');
    expect(body.heartbeat.expiries).toEqual({ certificateAt: Date.parse(validTo) });
  });
});
