import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '../../core/errors.ts';
import { sameIdentity, type Descriptor, type TargetIdentity } from '../../core/restore/descriptor.ts';
import { fileDescriptorStore } from './descriptor-store.ts';

/**
 * The restore that this machine remembers of a disk, whichever command began it. Only the front of a disk is looked
 * at for a mark elsewhere, and a restore takes that one first: this finds the restores that have gone on from there.
 *
 * @param stateDirectories where standalone restores and agents keep their descriptors; missing ones are empty
 */
export async function findRestore(
  stateDirectories: readonly string[],
  identity: TargetIdentity,
): Promise<Descriptor | undefined> {
  const all = (await Promise.all([...new Set(stateDirectories)].map(descriptorsIn))).flat();
  const known = all.filter(({ frozen }) => sameIdentity(frozen.identity, identity));
  return known.find(isUnfinished) ?? known[0];
}

/** Throws WRONG_TARGET where blocks of the disk hold nothing yet, or never will: a restore that is not complete. */
export async function refuseUnfinished(
  path: string,
  identity: TargetIdentity,
  stateDirectories: readonly string[],
  options: { except?: Descriptor } = {},
): Promise<void> {
  const found = await findRestore(stateDirectories, identity);
  if (!found || !isUnfinished(found) || found.frozen.restoreId === options.except?.frozen.restoreId) return;
  const { snapshotId } = found.frozen;
  if (found.moving.phase === 'canceled')
    throw new HoldfastError('WRONG_TARGET', `the restore of ${path} from ${snapshotId} was canceled`, {
      hint: 'parts of it hold nothing: restore a snapshot to it with --again, or use another file',
    });
  throw new HoldfastError('WRONG_TARGET', `the restore of ${path} from ${snapshotId} is not complete`, {
    hint: 'let that restore go on to its end first, or restore a snapshot to it with --again',
  });
}

const isUnfinished = ({ moving }: Descriptor): boolean => moving.phase !== 'restored';

/** The descriptors below a state directory: those of standalone restores and those of an agent's volumes. */
async function descriptorsIn(stateDirectory: string): Promise<Descriptor[]> {
  const found: Descriptor[] = [];
  for (const kind of ['restores', 'volumes']) {
    const folder = join(stateDirectory, kind);
    for (const name of await readdir(folder).catch(() => [])) {
      const store = fileDescriptorStore(join(folder, name, 'restore.json'));
      const descriptor = await store.load().catch(() => undefined);
      if (descriptor) found.push(descriptor);
    }
  }
  return found;
}
