import { z } from 'zod';
import type { FileFormat } from '../state/versioned-file.ts';
import type { DiskLook } from './disk-look.ts';

/** Disks that something stood on when they were last seen: one of them that goes was taken away from its users. */
export interface DiskRoll {
  /** The kernel's name for this start of the host: names of disks are good for one. */
  hostBootId: string;
  inUse: readonly string[];
}

export const emptyRoll: DiskRoll = { hostBootId: '', inUse: [] };
const disksMax = 64;

export const diskRollFileName = 'disks.json';
export const diskRollFile = {
  format: 'holdfast-agent-disks',
  version: 1,
  schema: z.object({
    hostBootId: z.string().max(64),
    inUse: z.array(z.string().max(32)).max(disksMax).readonly(),
  }),
} satisfies FileFormat<z.ZodObject>;

/**
 * One look: who is in use now, and who was and is gone. A disk that comes takes the place of one that went, whatever
 * its name. The same roll comes back where nothing changed.
 */
export function stepRoll(
  before: DiskRoll,
  looks: readonly DiskLook[],
  hostBootId: string,
): { roll: DiskRoll; missing: string[] } {
  const known = before.hostBootId === hostBootId ? before.inUse : [];
  const here = new Map(looks.map((look) => [look.name, look]));
  const used = looks.filter(({ isInUse }) => isInUse).map(({ name }) => name);
  const newcomers = used.filter((name) => !known.includes(name)).length;
  const gone = known.filter((name) => !here.has(name));
  const missing = gone.slice(Math.min(gone.length, newcomers));
  const inUse = [...used, ...missing].slice(0, disksMax).sort();
  const isSame = before.hostBootId === hostBootId && inUse.join() === [...before.inUse].sort().join();
  return { roll: isSame ? before : { hostBootId, inUse }, missing };
}
