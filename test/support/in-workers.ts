import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

/**
 * Runs the script again in one thread for each share, which it finds in `workerData`. A thread posts `progress` as often
 * as it likes and then its result.
 */
export function inWorkers<Share, Result extends object>(
  scriptUrl: string,
  shares: readonly Share[],
  progress: () => void = () => undefined,
): Promise<Result[]> {
  return Promise.all(
    shares.map((share) => {
      const worker = new Worker(fileURLToPath(scriptUrl), { workerData: share });
      const done = Promise.withResolvers<Result>();
      worker.on('message', (message: 'progress' | Result) =>
        message === 'progress' ? progress() : done.resolve(message),
      );
      worker.on('error', done.reject);
      return done.promise;
    }),
  );
}
