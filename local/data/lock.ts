import { statSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { HoldfastError } from '../../core/errors.ts';
import { typed } from '../../core/typed.ts';

export interface Lock {
  release(): Promise<void>;
}

/**
 * Holds a directory for this process. The lock is an abstract unix socket named after the directory's device and inode:
 * the kernel frees it when the process dies in whatever way, so that no stale lock is ever left behind.
 * Throws BUSY when another process holds it and does not let go within `waitMs`.
 */
export async function lockDirectory(directory: string, waitMs = 0): Promise<Lock> {
  const { dev, ino } = statSync(directory, { bigint: true });
  const name = `\0holdfast-data-${dev}-${ino}`;
  const deadlineMs = Date.now() + waitMs;
  for (;;) {
    const server = await tryListen(name);
    if (server) return { release: () => new Promise((resolve) => server.close(() => resolve())) };
    if (Date.now() >= deadlineMs) {
      const pid = await holderOf(name);
      const holder = pid === undefined ? 'another process' : `process ${pid}`;
      throw new HoldfastError('BUSY', `the data directory ${directory} is in use by ${holder}`, {
        hint: `stop the other \`${typed('holdfast up')}\`, or choose another --data-dir`,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function tryListen(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.end(`${process.pid}\n`);
    });
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(path, () => {
      server.unref();
      resolve(server);
    });
  });
}

/** How long the holder may take to say who it is: it may be busy, or stopped. */
const answerMs = 500;

/** The process id that the holder of the lock says it has; undefined where it says none. */
async function holderOf(name: string): Promise<number | undefined> {
  const socket = connect(name);
  socket.setTimeout(answerMs, () => socket.destroy());
  let said = '';
  try {
    for await (const part of socket) said += String(part);
  } catch {
    return undefined;
  }
  return /^\d{1,10}$/.test(said.trim()) ? Number(said) : undefined;
}
