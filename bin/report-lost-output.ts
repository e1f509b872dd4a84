import { errorCodes, errorLine, HoldfastError } from '../core/errors.ts';

/**
 * What to do when nothing can be written any more. A reader who is gone (EPIPE) has had what he wanted; otherwise the
 * output is incomplete, as on a full disk, and so the command has failed: one line says so and the exit code is IO's.
 */
export function reportLostOutput({ stdout, stderr }: NodeJS.Process): void {
  stderr.on('error', () => undefined);
  let isReported = false;
  stdout.on('error', (cause: NodeJS.ErrnoException) => {
    if (cause.code === 'EPIPE' || isReported) return;
    isReported = true;
    const error = new HoldfastError('IO', `the output is incomplete: ${cause.message}`, {
      hint: 'make room where it goes, and run the command again',
      cause,
    });
    stderr.write(`${errorLine(error)}\n`);
    process.on('exit', () => void (process.exitCode ||= errorCodes.IO.exit));
  });
}
