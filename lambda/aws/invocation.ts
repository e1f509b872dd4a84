import { asHoldfastError } from '../../core/errors.ts';
import { jsonLog, type Log, type LogFields } from '../../core/log.ts';
import { countUsage } from './usage.ts';

/** What Lambda tells a handler about the run; the part that is used. */
export interface LambdaContext {
  awsRequestId: string;
  functionName: string;
  getRemainingTimeInMillis(): number;
}

/** One run of a function: its log, and the line that closes it. */
export interface Invocation {
  readonly log: Log;
  /** Adds fields to the closing line. No secrets: ids, counts and durations. */
  note(fields: LogFields): void;
}

/** Where lines go, and the clock that stamps them. */
export interface Console {
  writeLine: (line: string) => void;
  now: () => number;
}
const processConsole: Console = {
  writeLine: (line) => void process.stdout.write(`${line}\n`),
  now: Date.now,
};

let isColdStart = true;

/**
 * Runs `work` and writes one line for it, whatever becomes of it: `event`, ids, `durationMs`, read and write units,
 * and for an error its code and message (with the stack and the cause where the error was not expected).
 */
export async function runInvocation<T>(
  event: string,
  context: LambdaContext,
  work: (invocation: Invocation) => Promise<T>,
  { writeLine, now }: Console = processConsole,
): Promise<T> {
  const startedAt = performance.now();
  const coldStart = isColdStart;
  isColdStart = false;
  const log = jsonLog(writeLine, now, {
    function: context.functionName,
    requestId: context.awsRequestId,
  });
  const noted: LogFields = {};
  return countUsage(async (usage) => {
    const finish = (level: 'info' | 'error', fields: LogFields) =>
      log(level, event, {
        ...noted,
        ...fields,
        durationMs: Math.round(performance.now() - startedAt),
        coldStart,
        ...usage,
      });
    try {
      const result = await work({ log, note: (fields) => Object.assign(noted, fields) });
      finish('info', {});
      return result;
    } catch (thrown) {
      finish('error', errorFields(thrown));
      throw thrown;
    }
  });
}

/** An error for a log line. */
export function errorFields(thrown: unknown): LogFields {
  const { code, message, stack, cause } = asHoldfastError(thrown);
  const of = cause instanceof Error ? `${cause.name}: ${cause.message}` : undefined;
  const isUnexpected = code === 'INTERNAL';
  return {
    errorCode: code,
    errorMessage: message,
    errorCause: of,
    errorStack: isUnexpected ? (thrown instanceof Error ? thrown.stack : stack) : undefined,
  };
}
