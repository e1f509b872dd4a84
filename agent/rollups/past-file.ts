import { asHoldfastError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { readVersionedFile, writeDurably, type FileFormat } from '../state/versioned-file.ts';
import { noPast, pastSchema, type Past } from './tally.ts';

export const pastFileName = 'rollups.json';
const pastFile = {
  format: 'holdfast-agent-rollups',
  version: 1,
  schema: pastSchema,
} satisfies FileFormat<typeof pastSchema>;

/** A damaged file is logged and begun anew: plots have a gap, and the agent its work. */
export const loadPast = async (path: string, log: Log): Promise<Past> =>
  (await readVersionedFile(path, pastFile).catch((thrown: unknown) => {
    log('warn', 'rollups.forgotten', { error: asHoldfastError(thrown).message });
    return undefined;
  })) ?? noPast;

/** Without blanks between numbers: a month without a connection has 100,000 of them. */
export const keepPast =
  (path: string) =>
  (past: Past): Promise<void> => {
    const { format, version } = pastFile;
    return writeDurably(path, Buffer.from(`${JSON.stringify({ format, version, ...past })}\n`));
  };
