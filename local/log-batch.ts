import type { Log, LogRecord } from './log.ts';

/** How long a line may wait for others. */
const waitMs = 20;
const countMax = 200;

export interface LogBatch {
  readonly log: Log;
  /** Hands on what waits. */
  flush(): void;
}

/**
 * Hands lines on several at a time, in their order: a message to another process costs far more than the line in it.
 * Errors do not wait, in case the process ends of them. Lines of the level `debug` go on only where somebody reads them.
 */
export function logBatch(send: (records: readonly LogRecord[]) => void, isVerbose: boolean): LogBatch {
  let waiting: LogRecord[] = [];
  let timer: NodeJS.Timeout | undefined;
  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (waiting.length === 0) return;
    const records = waiting;
    waiting = [];
    send(records);
  };
  const log: Log = (record) => {
    if (record.level === 'debug' && !isVerbose) return;
    waiting.push(record);
    if (record.level === 'error' || waiting.length >= countMax) flush();
    else timer ??= setTimeout(flush, waitMs);
  };
  return { log, flush };
}
