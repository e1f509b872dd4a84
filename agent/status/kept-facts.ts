import { readFile } from 'node:fs/promises';
import { asHoldfastError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { StateDirectory } from '../state/state-directory.ts';
import { readVersionedFile, writeVersionedFile } from '../state/versioned-file.ts';
import { diskRollFile, diskRollFileName, emptyRoll, type DiskRoll } from './disk-roll.ts';
import { hostStartsFile, hostStartsFileName, onAgentStart, type HostStarts } from './host-starts.ts';
import { parseUptimeMs } from './proc.ts';

/**
 * What the status remembers in the state directory. It helps to see a crash of the host or a disk that went; a damaged
 * or unwritable file is logged, and never keeps the agent from its work.
 */
export interface KeptStarts {
  starts: HostStarts;
  /** A clean stop: whoever finds no such note was torn down. */
  stop(): Promise<void>;
}

/** Notes this start, before anything that may fail and start the agent again. */
export async function noteStart(state: StateDirectory, now: number, log: Log): Promise<KeptStarts> {
  const path = state.file(hostStartsFileName);
  const [before, hostBootId, uptime] = await Promise.all([
    readVersionedFile(path, hostStartsFile).catch(forgotten(log, 'starts')),
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => ''),
    readFile('/proc/uptime', 'utf8').catch(() => ''),
  ]);
  const host = { hostBootId: hostBootId.trim(), uptimeMs: parseUptimeMs(uptime) ?? 0 };
  const starts = onAgentStart(before, { ...host, now });
  const write = (kept: HostStarts): Promise<void> =>
    writeVersionedFile(path, hostStartsFile, kept).catch(forgotten(log, 'starts'));
  await write(starts);
  return { starts, stop: () => write({ ...starts, isRunning: false }) };
}

export const loadDiskRoll = async (state: StateDirectory, log: Log): Promise<DiskRoll> =>
  (await readVersionedFile(state.file(diskRollFileName), diskRollFile).catch(forgotten(log, 'disks'))) ??
  emptyRoll;

/** Writes follow one another, so that the newest stays. */
export function keepDiskRoll(state: StateDirectory, log: Log): (roll: DiskRoll) => void {
  let last: Promise<void> = Promise.resolve();
  return (roll) => {
    last = last
      .then(() => writeVersionedFile(state.file(diskRollFileName), diskRollFile, roll))
      .catch(forgotten(log, 'disks'));
  };
}

const forgotten =
  (log: Log, what: string) =>
  (thrown: unknown): undefined => {
    log('warn', 'status.forgotten', { what, error: asHoldfastError(thrown).message });
  };
