import { statSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
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
  const deadlineMs = Date.now() + waitMs;
  for (;;) {
    const server = await tryListen(`\0holdfast-data-${dev}-${ino}`);
    if (server) return { release: () => new Promise((resolve) => server.close(() => resolve())) };
    if (Date.now() >= deadlineMs)
      throw new HoldfastError('BUSY', `the data directory ${directory} is in use by another process`, {
        hint: `stop the other \`${typed('holdfast up')}\`, or choose another --data-dir`,
      });
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function tryListen(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
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
