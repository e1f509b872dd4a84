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

/**
 * For people: `12:34:56.789 info  holdfast-home/Sweeper sweeper.tick finished=true`. What a function says about itself
 * once more (its time, its name, its request) is left out, and CloudFormation's suffixes too; `--log json` has all.
 */
export function prettyLog(write: (line: string) => void, colour: boolean): Log {
  return ({
    ts,
    source,
    level,
    event,
    message,
    requestId: _requestId,
    at: _at,
    function: _function,
    ...fields
  }) => {
    const shown = [event === 'function.output' ? '' : event, message ?? ''].filter(Boolean).join(' ');
    const rest = Object.entries(fields).map(
      ([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
    );
    const name = shortSource(source);
    const tag = colour ? `\u001b[${colours[level] ?? 36}m${name}\u001b[0m` : name;
    const text = printableLine([shown, ...rest].filter(Boolean).join(' '));
    write(`${ts.slice(11, 23)} ${level.padEnd(5)} ${tag} ${text}\n`);
  };
}

/** `holdfast-home/holdfast-home-SweeperFunction15FDF226-6epmojx5grgd` as `holdfast-home/Sweeper`. */
const shortSource = (source: string): string =>
  source.replace(/^([^/]+)\/\1-(\w+?)(Function)?[0-9A-F]{8}(-[a-z0-9]+)?$/, '$1/$2');
