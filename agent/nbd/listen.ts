import { access, chmod, constants, lstat, mkdtemp, rename, rm, rmdir } from 'node:fs/promises';
import { connect, isIPv4, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { HoldfastError } from '../../core/errors.ts';

export type NbdListen = { unix: string } | { host: string; port: number };

/** A socket's name may have 107 bytes in Linux, and ours is first made in a folder beside it. */
const unixPathMaxBytes = 90;

/**
 * Makes `server` listen. A Unix socket is born inside a folder that only we can enter, gets mode 0600 and is then
 * renamed into place, so nobody can connect in between; a socket that a dead process left is replaced.
 * Resolves with the address (TCP: the real port) and what removes the socket file again.
 * Throws CONFLICT (a file is in the way), BUSY (somebody serves there), INVALID_INPUT, FORBIDDEN (see `refuseOpenTcp`).
 */
export async function listen(
  server: Server,
  where: NbdListen,
  hasClientAuthentication: boolean,
): Promise<{ address: NbdListen; remove: () => Promise<void> }> {
  if ('unix' in where) return listenUnix(server, where.unix);
  if (!hasClientAuthentication) refuseOpenTcp(where.host);
  await bind(server, { host: where.host, port: where.port });
  const bound = server.address();
  const port = typeof bound === 'object' && bound ? bound.port : where.port;
  return { address: { host: where.host, port }, remove: () => Promise.resolve() };
}

/** Without client certificates everybody who can connect can read and overwrite the volume. */
function refuseOpenTcp(host: string): void {
  const loopback = host === '::1' || host === 'localhost' || (isIPv4(host) && host.startsWith('127.'));
  if (loopback) return;
  throw new HoldfastError('FORBIDDEN', `${host} is not loopback and clients would not be authenticated`, {
    hint: 'give certificates (TLS with client authentication), or listen on 127.0.0.1 or a Unix socket',
  });
}

/**
 * Looks, before anything else is done, whether a socket can be made there. Throws CONFIG (its folder),
 * INVALID_INPUT (its length), CONFLICT (a file is in the way), BUSY (somebody serves there).
 */
export async function requireSocketPlace(path: string): Promise<void> {
  if (Buffer.byteLength(path) > unixPathMaxBytes)
    throw new HoldfastError(
      'INVALID_INPUT',
      `the socket's path has more than ${unixPathMaxBytes} bytes: ${path}`,
      { hint: 'choose a shorter one' },
    );
  await refuseOccupied(path);
  await access(dirname(path), constants.W_OK | constants.X_OK).catch((cause: NodeJS.ErrnoException) => {
    throw noPlace(path, cause);
  });
}

const noPlace = (path: string, cause: NodeJS.ErrnoException): HoldfastError =>
  new HoldfastError('CONFIG', `cannot make a socket in ${dirname(path)}: ${cause.message}`, {
    hint: 'name a folder that is there and that you may write to',
    cause,
  });

async function listenUnix(
  server: Server,
  path: string,
): Promise<{ address: NbdListen; remove: () => Promise<void> }> {
  await requireSocketPlace(path);
  const folder = await mkdtemp(join(dirname(path), '.nbd-')).catch((cause: NodeJS.ErrnoException) => {
    throw noPlace(path, cause);
  });
  const born = join(folder, 's');
  try {
    await bind(server, { path: born });
    await chmod(born, 0o600);
    await rename(born, path);
  } catch (thrown) {
    server.close();
    await rm(born, { force: true });
    throw thrown;
  } finally {
    await rmdir(folder);
  }
  const ours = (await lstat(path)).ino;
  const remove = async (): Promise<void> => {
    const now = await lstat(path).catch(() => undefined);
    if (now?.ino === ours) await rm(path, { force: true });
  };
  return { address: { unix: path }, remove };
}

async function refuseOccupied(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (!found) return;
  if (!found.isSocket()) {
    throw new HoldfastError('CONFLICT', `${path} exists and is not a socket`, {
      hint: 'choose another path',
    });
  }
  if (await answers(path)) {
    throw new HoldfastError('BUSY', `another process serves on ${path}`, {
      hint: 'stop it or choose another path',
    });
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.on('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.on('error', () => resolve(false));
  });
}

function bind(server: Server, options: { path: string } | { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const place = 'path' in options ? options.path : `${options.host}:${options.port}`;
      const code = error.code === 'EADDRINUSE' ? 'BUSY' : 'CONFIG';
      reject(new HoldfastError(code, `cannot listen on ${place}: ${error.message}`, { cause: error }));
    });
    server.listen(options, resolve);
  });
}
