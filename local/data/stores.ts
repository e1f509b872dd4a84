import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { HoldfastError } from '../../core/errors.ts';
import { writeAtomically } from './directory.ts';
import { endsAsTable, inspectLog } from './level-files.ts';

/** The files of a stack's stores below its directory. */
export const storePaths = { state: 'state.sqlite', messages: 'messages', tables: 'dynamodb' } as const;

/** Without them a store counts as new and is made anew, whatever else there is of it. */
const neededFiles = [storePaths.state, `${storePaths.messages}/fauxqs.db`, `${storePaths.tables}/CURRENT`];
const markerName = 'stores.json';
const tailBytes = 8;

/**
 * Looks for what the stores themselves would pass over: one that is gone or empty would be made anew, a damaged log of
 * the tables would be dropped, both without a word. Throws CORRUPT and has changed nothing then. Calls `onCut` where
 * the last writes to the tables are not all there, as after a death in the middle of one: the stores go on without.
 */
export async function checkStores(
  dataDir: string,
  onCut: (file: string, lostBytes: number) => void,
): Promise<void> {
  if (existsSync(join(dataDir, markerName)))
    for (const name of neededFiles) {
      const file = join(dataDir, name);
      const info = statSync(file, { throwIfNoEntry: false });
      if (!info) throw damaged(file, 'is missing');
      if (info.size === 0) throw damaged(file, 'is empty');
    }
  const tables = join(dataDir, storePaths.tables);
  if (!existsSync(join(tables, 'CURRENT'))) return;
  for (const name of readdirSync(tables)) {
    const file = join(tables, name);
    if (/^\d+\.(ldb|sst)$/.test(name) && !endsAsTable(tailOf(file)))
      throw damaged(file, 'has no end: it was cut');
    if (/^\d+\.log$/.test(name)) checkLog(file, onCut);
  }
  await tryOpen(tables);
}

/** From now on the stores have to be there. */
export function rememberStores(dataDir: string): void {
  const marker = join(dataDir, markerName);
  if (!existsSync(marker)) writeAtomically(marker, `${JSON.stringify({ stores: neededFiles })}\n`);
}

function checkLog(file: string, onCut: (file: string, lostBytes: number) => void): void {
  const log = readFileSync(file);
  const found = inspectLog(log);
  if (found.kind === 'damaged')
    throw damaged(file, `holds no record of the tables at byte ${found.offsetBytes}`);
  if (found.kind === 'cut') onCut(file, log.length - found.offsetBytes);
}

/** What is damaged in the store's own list of files shows when it is opened; the tables' server does not wait for that. */
async function tryOpen(tables: string): Promise<void> {
  const level = new ClassicLevel(tables, { createIfMissing: false });
  try {
    await level.open();
  } catch (thrown) {
    const { cause } = thrown as Error;
    throw damaged(
      tables,
      `cannot be opened: ${(cause instanceof Error ? cause : (thrown as Error)).message}`,
    );
  }
  await level.close();
}

function tailOf(file: string): Uint8Array {
  const descriptor = openSync(file, 'r');
  try {
    const tail = new Uint8Array(tailBytes);
    const { size } = fstatSync(descriptor);
    return tail.subarray(0, readSync(descriptor, tail, 0, tailBytes, Math.max(0, size - tailBytes)));
  } finally {
    closeSync(descriptor);
  }
}

function damaged(file: string, how: string): HoldfastError {
  return new HoldfastError('CORRUPT', `the store ${file} ${how}`, {
    hint: 'restore it from a backup, or start with another --data-dir',
  });
}
