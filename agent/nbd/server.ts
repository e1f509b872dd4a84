import { createServer } from 'node:net';
import { silentLog, type Log } from '../../core/log.ts';
import { BufferPool } from './buffer-pool.ts';
import { serveConnection, type Connection } from './connection.ts';
import type { ListExports } from './exports.ts';
import { listen, type NbdListen } from './listen.ts';

/** Buffers that are kept for the next large reads of any client. */
const buffersKeptMaxBytes = 32 * 1024 * 1024;

/** PEM texts. Clients must show a certificate that `ca` signed. */
export interface NbdTls {
  key: string;
  cert: string;
  ca: string;
}

export interface NbdServerOptions {
  listen: NbdListen;
  exports: ListExports;
  /** Nothing is served in the clear where it is given; without it TCP stays on loopback. */
  tls?: NbdTls;
  /** When they are used up, the oldest that has not chosen an export goes. @default 32 (nbdcopy uses four, qemu one) */
  connectionsMax?: number;
  /** @default 30 s */
  handshakeTimeoutMs?: number;
  /** How long `close` lets clients read the last replies. @default 2 s */
  closeGraceMs?: number;
  log?: Log;
}

export interface NbdServer {
  /** Where it really listens: the port that port 0 became. */
  readonly address: NbdListen;
  /** What clients such as nbdinfo and qemu-img take, for the export of that name. */
  uri(exportName: string): string;
  /** Ends the connections to an export that goes away. Resolves when its device is not used any more. */
  disconnect(exportName: string): Promise<void>;
  /** Answers what is in flight and ends. Resolves when no device is used any more; devices stay open. */
  close(): Promise<void>;
}

/**
 * Serves block devices over NBD (fixed newstyle; docs/nbd.md says which parts). A client's fault ends that client's
 * connection only. Throws BUSY, CONFLICT, CONFIG, INVALID_INPUT, FORBIDDEN as `listen` does.
 */
export async function serveNbd(options: NbdServerOptions): Promise<NbdServer> {
  const { exports, tls, log = silentLog } = options;
  const connectionsMax = options.connectionsMax ?? 32;
  const connections = new Set<Connection>();
  const buffers = new BufferPool(buffersKeptMaxBytes);
  let lastConnectionId = 0;
  const tlsOptions = tls && {
    ...tls,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2' as const,
  };

  /** A client that is served never has to go; one that takes its time to say what it wants does, the oldest first. */
  const makeRoom = (): boolean => {
    const slowest = [...connections].find((connection) => !connection.export());
    if (!slowest) return false;
    connections.delete(slowest);
    log('warn', 'nbd.evicted', { connectionId: slowest.connectionId, connectionsMax });
    slowest.destroy();
    return true;
  };

  const server = createServer({ noDelay: true, keepAlive: true }, (socket) => {
    const connectionId = ++lastConnectionId;
    if (connections.size >= connectionsMax && !makeRoom()) {
      log('warn', 'nbd.refused', { connectionId, connectionsMax });
      socket.destroy();
      return;
    }
    const connection = serveConnection(socket, {
      connectionId,
      exports,
      tls: tlsOptions,
      handshakeTimeoutMs: options.handshakeTimeoutMs ?? 30_000,
      buffers,
      log,
    });
    connections.add(connection);
    void connection.done.then(() => {
      connections.delete(connection);
      if (connections.size === 0) buffers.clear();
    });
  });
  const { address, remove } = await listen(server, options.listen, tls !== undefined);
  server.on('error', (error) => log('error', 'nbd.accept-error', { message: error.message }));

  const end = async (ending: readonly Connection[]): Promise<void> => {
    for (const connection of ending) connection.drain();
    const timer = setTimeout(() => ending.forEach((c) => c.destroy()), options.closeGraceMs ?? 2_000);
    await Promise.all(ending.map((connection) => connection.done));
    clearTimeout(timer);
  };
  return {
    address,
    uri: (exportName) => nbdUri(address, exportName, tls !== undefined),
    disconnect: (exportName) => end([...connections].filter((c) => c.export()?.name === exportName)),
    close: async () => {
      const stopped = new Promise<void>((resolve) => server.close(() => resolve()));
      await remove();
      await end([...connections]);
      await stopped;
    },
  };
}

/** https://github.com/NetworkBlockDevice/nbd/blob/master/doc/uri.md */
export function nbdUri(address: NbdListen, exportName: string, tls: boolean): string {
  const scheme = tls ? 'nbds' : 'nbd';
  const name = encodeURIComponent(exportName);
  if ('unix' in address) return `${scheme}+unix:///${name}?socket=${encodeURIComponent(address.unix)}`;
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${scheme}://${host}:${address.port}/${name}`;
}
