import { z } from 'zod';
import type { Log } from '../../core/log.ts';
import { asHoldfastError } from '../../core/errors.ts';
import { readVersionedFile, writeVersionedFile, type FileFormat } from '../state/versioned-file.ts';
import type { LinkMemory } from './link-state.ts';

const memoryFile = {
  format: 'holdfast-agent-connection',
  version: 1,
  schema: z.object({
    welcomedSeq: z.number().int().nonnegative(),
    reconnectWindowMs: z.number().int().min(0).max(3_600_000),
  }),
} satisfies FileFormat<z.ZodObject>;

export const linkMemoryFileName = 'connection.json';
const aheadMsMax = 24 * 3_600_000;
const unknown: LinkMemory = { welcomedSeq: 0, reconnectWindowMs: 30_000 };

/** What the last connection left behind. A damaged file is no reason to stay away: the clock alone will do. */
export async function loadLinkMemory(path: string, log: Log, unixMs = Date.now()): Promise<LinkMemory> {
  try {
    const memory = (await readVersionedFile(path, memoryFile)) ?? unknown;
    // Numbers of dials are times. One of the far future would be refused, and every one after it, until then.
    if (memory.welcomedSeq <= unixMs + aheadMsMax) return memory;
    log('warn', 'link.memory-damaged', { error: `dial ${memory.welcomedSeq} is of the future` });
    return { ...memory, welcomedSeq: 0 };
  } catch (thrown) {
    log('warn', 'link.memory-damaged', { error: asHoldfastError(thrown).message });
    return unknown;
  }
}

/** A writer whose writes follow one another, so that the newest stays. */
export function linkMemoryWriter(path: string): (memory: LinkMemory) => Promise<void> {
  let last: Promise<void> = Promise.resolve();
  return (memory) => {
    last = last.catch(() => undefined).then(() => writeVersionedFile(path, memoryFile, memory));
    return last;
  };
}
