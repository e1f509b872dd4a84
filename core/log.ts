/** One JSON line per event; the event's name is a stable dotted word, ids and durations are fields. */
export type LogFields = Record<string, string | number | boolean | undefined>;
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export interface Log {
  (level: LogLevel, event: string, fields?: LogFields): void;
}

export const silentLog: Log = () => undefined;

/** A log that writes `{at, level, event, …fields}` lines; `write` takes one line without its newline. */
export function jsonLog(write: (line: string) => void, now: () => number, base: LogFields = {}): Log {
  return (level, event, fields) =>
    write(JSON.stringify({ at: new Date(now()).toISOString(), level, event, ...base, ...fields }));
}
