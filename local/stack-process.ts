import { asHoldfastError, type ErrorCode } from '../core/errors.ts';
import { lockDirectory } from './data/lock.ts';
import { logBatch, type LogBatch } from './log-batch.ts';
import type { FromStack, ToStack } from './process-messages.ts';
import { bootStack, type RunningStack } from './stack.ts';
import { mkdirSync } from 'node:fs';

/** Entry of a stack's own process: does what the parent says, and ends when the parent is gone. */
let running: RunningStack | undefined;
let lines: LogBatch | undefined;

/** The process before this one may have been killed a moment ago and still be ending. */
const lockWaitMs = 5_000;

process.on('message', (message: ToStack) => {
  if (message.kind === 'boot') void boot(message);
  else if (message.kind === 'start') running?.start();
  else void stop();
});
process.on('disconnect', () => process.exit(0));
// Ctrl-C reaches the whole process group; the parent decides when a stack stops.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);

// A store that cannot write throws where nobody waits for it. The parent says what happened and ends the others.
process.on('uncaughtException', (thrown: unknown) => {
  lines?.flush();
  tell({ kind: 'failed', ...problemOf(thrown) });
  setTimeout(() => process.exit(1), 100);
});

/** Of whom nothing but the text says what is wrong: SQLite and LevelDB. */
const damagePattern =
  /file is not a database|disk image is malformed|corruption|LEVEL_DATABASE_NOT_OPEN|EEXIST|ENOTDIR/i;
let storesIn = 'the data directory';

function problemOf(thrown: unknown): { code: ErrorCode; message: string; hint: string | undefined } {
  const { code, message, hint } = asHoldfastError(thrown);
  if (code === 'INTERNAL' && damagePattern.test(message))
    return {
      code: 'CORRUPT',
      message: `a store in ${storesIn} is damaged: ${message}`,
      hint: 'restore it from a backup, or start with another --data-dir',
    };
  if (/ENOSPC|No space left on device|database or disk is full/.test(message))
    return {
      code: 'NO_SPACE',
      message: 'the data directory has no room left',
      hint: 'make room and start again',
    };
  return { code, message, hint };
}

async function boot({ boot: order }: Extract<ToStack, { kind: 'boot' }>): Promise<void> {
  storesIn = order.dataDir;
  try {
    mkdirSync(order.dataDir, { recursive: true, mode: 0o700 });
    await lockDirectory(order.dataDir, lockWaitMs);
    lines = logBatch((records) => tell({ kind: 'log', records }), order.verbose);
    running = await bootStack(order, lines.log);
    tell({ kind: 'ready' });
  } catch (thrown) {
    lines?.flush();
    tell({ kind: 'failed', ...problemOf(thrown) });
  }
}

async function stop(): Promise<void> {
  await running?.stop();
  lines?.flush();
  // Behind the lines in the pipe: once this is through, so are they.
  if (process.connected)
    process.send?.({ kind: 'log', records: [] } satisfies FromStack, () => process.exit(0));
  else process.exit(0);
}

function tell(message: FromStack): void {
  if (process.connected) process.send?.(message);
}
