import { createServer } from 'node:net';
import { HoldfastError } from '../../core/errors.ts';
import { errnoOf } from './versioned-file.ts';

export interface ProcessLock {
  release(): Promise<void>;
}

/**
 * One process at a time, without a file that could outlive it: a socket in Linux's abstract namespace, which the
 * kernel frees at the process's death, SIGKILL included. Holds within one network namespace.
 * Throws BUSY with `message` and `hint` where another process has it.
 */
export async function lockProcess(
  name: string,
  busy: { message: string; hint: string },
): Promise<ProcessLock> {
  const server = createServer((socket) => socket.destroy());
  server.unref();
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        errnoOf(cause) === 'EADDRINUSE'
          ? new HoldfastError('BUSY', busy.message, { hint: busy.hint, cause })
          : new HoldfastError('IO', `cannot take the lock ${name}: ${cause.message}`, { cause }),
      ),
    );
    server.listen(`\0${name}`, resolve);
  });
  return { release: () => new Promise((resolve) => server.close(() => resolve())) };
}
