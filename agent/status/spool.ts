import { open, readFile, stat, type FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { HoldfastError } from '../../core/errors.ts';
import { silentLog, type Log } from '../../core/log.ts';
import { heartbeatSchema, type Heartbeat } from '../../core/status.ts';
import { errnoOf, ioError, writeDurably } from '../state/versioned-file.ts';

/**
 * Heartbeats that could not be sent, on disk until the cloud has acknowledged them. A log of lines, appended and
 * synced: `{"beat":…}` and `{"ack":{bootId,seq}}`.
 */
export interface Spool {
  /** Kept when this resolves. Over the limits the oldest is dropped and counted; a full disk drops this one. */
  append(heartbeat: Heartbeat): Promise<void>;
  /** Oldest first, with the times at which they were made. */
  pending(max: number): Heartbeat[];
  /** Forgets one heartbeat; one that is not here is no error (the cloud may acknowledge twice). */
  ack(bootId: string, seq: number): Promise<void>;
  readonly count: number;
  /** Heartbeats lost to the limits or to a full disk since the spool was opened. */
  readonly dropped: number;
  close(): Promise<void>;
}

export interface SpoolOptions {
  path: string;
  /** @default 2016: a week of one every five minutes */
  beatsMax?: number;
  log?: Log;
}

const lineSchema = z.union([
  z.object({ beat: heartbeatSchema }),
  z.object({ ack: z.object({ bootId: z.string(), seq: z.number() }) }),
]);
/** The file is rewritten once it has this many more lines than heartbeats. */
const staleLinesMax = 256;
const fileBytesMax = 64 * 1024 * 1024;

/** Opens or makes the file. A torn last line, as a crash leaves it, is dropped. Throws IO, FORBIDDEN, NO_SPACE, CORRUPT. */
export async function openSpool({ path, beatsMax = 2016, log = silentLog }: SpoolOptions): Promise<Spool> {
  const beats = new Map<string, Heartbeat>();
  let dropped = 0;
  let lines = 0;
  let file: FileHandle | undefined;
  let queue: Promise<void> = Promise.resolve();

  const keyOf = (bootId: string, seq: number): string => `${bootId} ${seq}`;
  const keep = (heartbeat: Heartbeat): void => {
    beats.set(keyOf(heartbeat.bootId, heartbeat.seq), heartbeat);
    for (const oldest of beats.keys()) {
      if (beats.size <= beatsMax) break;
      beats.delete(oldest);
      dropped++;
    }
  };
  const rewrite = async (): Promise<void> => {
    await file?.close();
    file = undefined;
    const kept = [...beats.values()].map((beat) => ({ beat }));
    await writeDurably(path, Buffer.from(kept.map((line) => `${JSON.stringify(line)}\n`).join('')));
    file = await open(path, 'a', 0o600);
    lines = kept.length;
  };
  const write = async (line: object): Promise<void> => {
    const started = file ?? (await open(path, 'a', 0o600));
    file = started;
    // The newline in front ends what a full disk or a crash may have left of the line before.
    await started.appendFile(`\n${JSON.stringify(line)}\n`);
    await started.datasync();
    lines++;
    if (lines <= beats.size + staleLinesMax) return;
    await rewrite().catch((cause: unknown) => log('warn', 'spool.not-rewritten', { reason: String(cause) }));
  };
  /** One after the other; a failure is the caller's alone. */
  const inTurn = (task: () => Promise<void>): Promise<void> => {
    const done = queue.then(task);
    queue = done.catch(() => undefined);
    return done;
  };

  for (const line of await readLines(path)) {
    const parsed = lineSchema.safeParse(line);
    if (!parsed.success) continue;
    if ('beat' in parsed.data) keep(parsed.data.beat);
    else beats.delete(keyOf(parsed.data.ack.bootId, parsed.data.ack.seq));
  }
  dropped = 0; // those of the lines above were counted when they were dropped
  await rewrite().catch((cause: unknown) => {
    throw cause instanceof HoldfastError ? cause : ioError('open', path, cause);
  });

  return {
    append: (heartbeat) =>
      inTurn(async () => {
        try {
          await write({ beat: heartbeat });
          keep(heartbeat);
        } catch (cause) {
          dropped++;
          log('warn', 'spool.dropped', { seq: heartbeat.seq, reason: String(cause) });
        }
      }),
    pending: (max) => [...beats.values()].slice(0, max),
    ack: (bootId, seq) =>
      inTurn(async () => {
        if (!beats.delete(keyOf(bootId, seq))) return;
        // An acknowledgement that is lost here is asked for again after a restart, which the cloud expects.
        await write({ ack: { bootId, seq } }).catch((cause: unknown) =>
          log('warn', 'spool.ack-lost', { seq, reason: String(cause) }),
        );
      }),
    get count() {
      return beats.size;
    },
    get dropped() {
      return dropped;
    },
    close: () => inTurn(async () => file?.close()),
  };
}

async function readLines(path: string): Promise<unknown[]> {
  let text: string;
  try {
    if ((await stat(path)).size > fileBytesMax) {
      throw new HoldfastError('CORRUPT', `${path} is larger than a spool can be`, {
        hint: 'remove the file',
      });
    }
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if (cause instanceof HoldfastError) throw cause;
    if (errnoOf(cause) === 'ENOENT') return [];
    throw ioError('read', path, cause);
  }
  return text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as unknown];
    } catch {
      return []; // torn by a crash, or the empty end
    }
  });
}
