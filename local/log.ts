import { printableLine } from '../core/printable.ts';

/** One line of the one log stream. `source` is `<stack>` or `<stack>/<function>`. */
export interface LogRecord {
  readonly ts: string;
  readonly source: string;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  /** Event name of the local mode, or `function.output`. */
  readonly event: string;
  readonly message?: string;
  readonly requestId?: string;
  readonly [field: string]: unknown;
}

export type Log = (record: LogRecord) => void;

/** A function's own line: its JSON fields when it wrote JSON, else its text. */
export function functionLine(
  source: string,
  line: string,
  requestId: string | undefined,
  now: Date,
): LogRecord {
  const base = { ts: now.toISOString(), source, level: 'info' as const, event: 'function.output', requestId };
  if (!line.startsWith('{')) return { ...base, message: line };
  try {
    return { ...base, ...(JSON.parse(line) as object), source };
  } catch {
    return { ...base, message: line };
  }
}

export function jsonLog(write: (line: string) => void): Log {
  return (record) => write(`${JSON.stringify(record)}\n`);
}

const colours = { debug: 90, info: 36, warn: 33, error: 31 } as const;

export function prettyLog(write: (line: string) => void, colour: boolean): Log {
  return ({ ts, source, level, event, message, requestId: _requestId, ...fields }) => {
    const shown = [event === 'function.output' ? '' : event, message ?? ''].filter(Boolean).join(' ');
    const rest = Object.entries(fields).map(
      ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
    );
    const tag = colour ? `\u001b[${colours[level] ?? 36}m${source}\u001b[0m` : source;
    write(`${ts.slice(11, 23)} ${tag} ${printableLine([shown, ...rest].filter(Boolean).join(' '))}\n`);
  };
}
