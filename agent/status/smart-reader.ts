import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { Socket } from 'node:net';
import { silentLog, type Log } from '../../core/log.ts';
import { diskName } from './disk-look.ts';
import { parseSmartctl, type SmartFacts } from './smart.ts';

/** What `smartctl` printed about a disk; undefined: it is not installed, or took too long. */
export type AskSmart = (name: string) => Promise<string | undefined>;

export interface SmartReader {
  /** Asks those whose last answer is old, in the background. */
  refresh(names: readonly string[]): void;
  /** The last answer of a disk, empty where it has nothing to say; undefined: none yet. */
  of(name: string): SmartFacts | undefined;
  /** Whether any disk has ever answered: without rights, or smartctl, none does. */
  readonly isAnswered: boolean;
}

/** Each answer is a command to the disk, which other commands wait for. */
const everyMs = 30 * 60_000;
const outputBytesMax = 512 * 1024;
const usualPaths = ['/usr/sbin/smartctl', '/usr/local/sbin/smartctl', '/sbin/smartctl', '/usr/bin/smartctl'];

/** `now` is monotonic, in ms. One disk after the other; one that does not come to its end is not asked again. */
export function createSmartReader(deps: { ask: AskSmart; now: () => number }): SmartReader {
  const facts = new Map<string, SmartFacts>();
  const askedAt = new Map<string, number>();
  let round: Promise<void> | undefined;
  let isAnswered = false;

  const askOne = async (name: string): Promise<void> => {
    const answer = await deps.ask(name);
    askedAt.set(name, deps.now());
    const found = answer === undefined ? undefined : parseSmartctl(answer);
    // A disk that sleeps says nothing: what it said last still holds.
    if (!found) return;
    facts.set(name, found);
    isAnswered = true;
  };
  const isDue = (name: string): boolean => deps.now() - (askedAt.get(name) ?? -Infinity) >= everyMs;
  return {
    refresh: (names) => {
      if (round) return;
      const due = names.filter(isDue);
      if (due.length === 0) return;
      for (const name of facts.keys()) if (!names.includes(name)) facts.delete(name);
      round = (async () => {
        for (const name of due) await askOne(name).catch(() => undefined);
      })().finally(() => (round = undefined));
    },
    of: (name) => facts.get(name),
    get isAnswered() {
      return isAnswered;
    },
  };
}

/**
 * Runs smartctl (smartmontools 7.0 or newer) where it is installed. `-n standby`: a disk that sleeps is left asleep.
 * It needs root, or CAP_SYS_RAWIO and CAP_SYS_ADMIN: without them the disks are not known.
 */
export function smartctl({
  log = silentLog,
  paths = usualPaths,
  answerMs = 20_000,
}: { log?: Log; paths?: readonly string[]; answerMs?: number } = {}): AskSmart {
  let program: Promise<string | undefined> | undefined;
  const stuck = new Set<string>();
  return async (name) => {
    program ??= findProgram(paths);
    const path = await program;
    if (path === undefined || !diskName.test(name) || stuck.has(name)) return undefined;
    const args = ['--json=c', '-n', 'standby', '-i', '-H', '-A', '-l', 'error', `/dev/${name}`];
    return new Promise((resolve) => {
      const options = { timeout: answerMs, maxBuffer: outputBytesMax, killSignal: 'SIGKILL' } as const;
      // Its exit code tells of the disk's health as well: what it printed counts.
      const child = execFile(path, args, { ...options, env: { LC_ALL: 'C' } }, (error, stdout) => {
        clearTimeout(late);
        stuck.delete(name);
        // It took too long, printed too much, or could not be started.
        const isUseless = error !== null && (error.killed || typeof error.code !== 'number');
        if (isUseless) log('warn', 'smart.no-answer', { disk: name, reason: error.message.slice(0, 200) });
        resolve(isUseless ? undefined : stdout);
      });
      // A process that waits for a dead disk cannot be killed either.
      const late = setTimeout(() => {
        stuck.add(name);
        log('warn', 'smart.no-answer', { disk: name, reason: 'its process does not end' });
        resolve(undefined);
      }, 2 * answerMs);
      late.unref();
      // An agent that ends waits for nobody's disk.
      child.unref();
      for (const pipe of [child.stdout, child.stderr]) if (pipe instanceof Socket) pipe.unref();
    });
  };
}

async function findProgram(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return undefined;
}
