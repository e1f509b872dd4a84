import { diagnosticsLimits, type Section } from '../../core/diagnostics.ts';
import type { Log, LogFields } from '../../core/log.ts';
import { redactAtMost, redacted, secretName } from '../../core/redact.ts';

type Entry = Section<'log'>['lines'][number];

export interface LogRingOptions {
  /** Blots secrets out of a text. */
  redact: (text: string) => string;
  /** Unix ms. */
  now: () => number;
  /** @default of core/diagnostics.ts */
  linesMax?: number;
  bytesMax?: number;
}

/**
 * The newest events of the agent's own log, in memory and without secrets, for a diagnostics bundle. It takes `info`
 * and above, whatever the log that people read is set to: debug lines would push out what matters.
 */
export class LogRing {
  readonly #redact: LogRingOptions['redact'];
  readonly #now: () => number;
  readonly #linesMax: number;
  readonly #bytesMax: number;
  readonly #lines: { entry: Entry; bytes: number }[] = [];
  #bytes = 0;
  #droppedLines = 0;

  constructor(options: LogRingOptions) {
    this.#redact = redactAtMost(options.redact, diagnosticsLimits.textChars);
    this.#now = options.now;
    this.#linesMax = options.linesMax ?? diagnosticsLimits.logLines;
    this.#bytesMax = options.bytesMax ?? diagnosticsLimits.logBytes;
  }

  readonly log: Log = (level, event, fields = {}) => {
    if (level === 'debug') return;
    const entry = { at: new Date(this.#now()).toISOString(), level, event, ...this.#clean(fields) };
    const bytes = Buffer.byteLength(JSON.stringify(entry)) + 1;
    this.#lines.push({ entry, bytes });
    this.#bytes += bytes;
    while (this.#lines.length > this.#linesMax || this.#bytes > this.#bytesMax) {
      this.#bytes -= this.#lines.shift()!.bytes;
      this.#droppedLines++;
    }
  };

  section(): Section<'log'> {
    return { lines: this.#lines.map(({ entry }) => entry), droppedLines: this.#droppedLines };
  }

  /** Here and not when somebody asks: what is not kept cannot get out. */
  #clean(fields: LogFields): Entry {
    const known = Object.entries(fields).filter(
      (field): field is [string, Entry[string]] => field[1] !== undefined,
    );
    return Object.fromEntries(
      known.map(([name, value]) => {
        if (typeof value !== 'string') return [name, value];
        return [name, secretName.test(name) ? redacted : this.#redact(value)];
      }),
    );
  }
}

/** One log that writes to several. */
export const logToAll =
  (...logs: Log[]): Log =>
  (level, event, fields) => {
    for (const log of logs) log(level, event, fields);
  };
