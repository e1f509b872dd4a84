import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NbdListen } from '../../../agent/nbd/listen.ts';
import { nbdUri, serveNbd, type NbdServer } from '../../../agent/nbd/server.ts';
import { rawConnect } from './raw-client.ts';

const folder = mkdtempSync(join(tmpdir(), 'nbd-listen-'));
afterAll(() => rmSync(folder, { recursive: true }));
const servers: NbdServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});
const serve = async (listen: NbdListen): Promise<NbdServer> => {
  const server = await serveNbd({ listen, exports: () => [] });
  servers.push(server);
  return server;
};

describe('where the NBD server listens', () => {
  it('makes its socket 0600 whatever the umask, and takes it away again', async () => {
    const path = join(folder, 'mode');
    const umask = process.umask(0);
    const server = await serve({ unix: path });
    process.umask(umask);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['mode']); // nothing of its birth is left
    await server.close();
    expect(existsSync(path)).toBe(false);
  });

  it('replaces the socket of a process that died', async () => {
    const path = join(folder, 'stale');
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', script]);
    expect(statSync(path).isSocket()).toBe(true);
    const server = await serve({ unix: path });
    const client = await rawConnect(server.address);
    expect((await client.read(8)).toString()).toBe('NBDMAGIC');
    client.socket.destroy();
  });

  it('refuses a socket on which somebody serves, and leaves it alone', async () => {
    const path = join(folder, 'busy');
    const first = await serve({ unix: path });
    await expect(serve({ unix: path })).rejects.toMatchObject({ code: 'BUSY' });
    const client = await rawConnect(first.address);
    await client.read(18);
    client.socket.destroy();
  });

  it('never replaces a file, a missing folder or an endless path', async () => {
    const path = join(folder, 'file');
    writeFileSync(path, 'precious');
    await expect(serve({ unix: path })).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(serve({ unix: join(folder, 'no', 'such') })).rejects.toMatchObject({ code: 'CONFIG' });
    await expect(serve({ unix: join(folder, 'x'.repeat(100)) })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    });
  });

  it('does not remove a socket that another has put in its place', async () => {
    const path = join(folder, 'taken');
    const first = await serve({ unix: path });
    rmSync(path);
    await serve({ unix: path });
    await first.close();
    expect(existsSync(path)).toBe(true);
  });

  it('serves TCP on loopback and nowhere else without client certificates', async () => {
    const server = await serve({ host: '127.0.0.1', port: 0 });
    expect(server.address).toEqual({ host: '127.0.0.1', port: expect.any(Number) });
    await expect(serve({ host: '0.0.0.0', port: 0 })).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(serve({ host: '::', port: 0 })).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(serve(server.address)).rejects.toMatchObject({ code: 'BUSY' });
  });

  it('names an export by a URI that clients take', () => {
    expect(nbdUri({ unix: '/run/a b' }, 'v/1', false)).toBe('nbd+unix:///v%2F1?socket=%2Frun%2Fa%20b');
    expect(nbdUri({ host: '::1', port: 10809 }, '', true)).toBe('nbds://[::1]:10809/');
  });
});
