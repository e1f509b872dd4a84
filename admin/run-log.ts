import { HoldfastError } from '../core/errors.ts';
import { jsonLog, type Log } from '../core/log.ts';
import { printableLine } from '../core/printable.ts';
import { wrappedText } from '../core/text-table.ts';

export interface RunLogDeps {
  stdout: (line: string) => void;
  now: () => number;
  /** Of the terminal. */
  columns: () => number;
  isTerminal: boolean;
}

/** What `admin run` logs, by `--log`. For people at a terminal what does not fit stands below its event. Throws USAGE. */
export function logFor(form: string, { stdout, now, columns, isTerminal }: RunLogDeps): Log {
  if (form === 'json') return jsonLog(stdout, now);
  if (form !== 'pretty')
    throw new HoldfastError('USAGE', `--log ${form} is neither json nor pretty`, {
      hint: 'write --log json',
    });
  return (level, event, fields = {}) => {
    const shown = Object.entries(fields).filter(([, value]) => value !== undefined && value !== '');
    const text = shown.map(([name, value]) => `${name}=${String(value)}`).join(' ');
    const head = `${new Date(now()).toISOString()} ${level.padEnd(5)} ${event}`;
    const line = printableLine(`${head} ${text}`.trimEnd());
    const width = columns();
    if (!isTerminal || line.length <= width) return stdout(line);
    stdout(`${printableLine(head)}\n${wrappedText(text, { width })}`);
  };
}
