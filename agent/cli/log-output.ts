import { jsonLog, type Log, type LogFields, type LogLevel } from '../../core/log.ts';

export const logFormats = ['json', 'pretty'] as const;
export const logLevels = ['debug', 'info', 'warn', 'error'] as const satisfies LogLevel[];

/** A log in the format that was asked for, without what is below the level. */
export function logTo(
  write: (line: string) => void,
  now: () => number,
  { format, level }: { format: (typeof logFormats)[number]; level: LogLevel | (() => LogLevel) },
): Log {
  const log = format === 'json' ? jsonLog(write, now) : prettyLog(write, now);
  const least = () => logLevels.indexOf(typeof level === 'function' ? level() : level);
  return (at, event, fields) => {
    if (logLevels.indexOf(at) >= least()) log(at, event, fields);
  };
}

/** What an NBD server says beside its results: JSON lines where those are JSON, otherwise for people. */
export const serverLog = (
  cli: { stderr: (text: string) => void; now: () => number },
  { json }: { json: boolean },
): Log =>
  logTo((line) => cli.stderr(`${line}\n`), cli.now, { format: json ? 'json' : 'pretty', level: 'info' });

/** `12:34:56 warn  link.down  reason="closed with 1006"`. */
function prettyLog(write: (line: string) => void, now: () => number): Log {
  return (level, event, fields) => {
    const time = new Date(now()).toISOString().slice(11, 19);
    write(`${time} ${level.padEnd(5)} ${event}${fieldsText(fields)}`);
  };
}

function fieldsText(fields: LogFields = {}): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => ` ${name}=${typeof value === 'string' ? JSON.stringify(value) : value}`)
    .join('');
}
