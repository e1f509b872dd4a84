import { HoldfastError } from '../../core/errors.ts';
import { typed } from '../../core/typed.ts';
import type { VolumeService, VolumeVerification } from '../ports.ts';
import type { SnapshotAccess } from './snapshot-access.ts';
import { verifyVolume, type VerifiedDevice } from './verify-volume.ts';
import { mustBeServed } from './volume-errors.ts';
import { stateOf, type VolumeFacts } from './volume-view.ts';

export type VerifyParams = Omit<Parameters<VolumeService['verify']>[0], 'volumeId'>;

interface Deps {
  facts: () => VolumeFacts;
  /** What clients of the volume read. */
  device: VerifiedDevice;
  snapshots: SnapshotAccess;
}

/** Compares a volume with a snapshot while clients use it, and while it is being restored. */
export async function verifyServed(
  { facts, device, snapshots }: Deps,
  { snapshotId: asked, ...p }: VerifyParams,
): Promise<VolumeVerification> {
  const first = facts();
  const served = mustBeServed(first);
  const { volumeId, lastSnapshot } = first.record;
  const restoring = stateOf(first) === 'healthy' ? undefined : served.restore?.engine.descriptor.frozen;
  const snapshotId = asked ?? restoring?.snapshotId ?? lastSnapshot?.snapshotId;
  if (snapshotId === undefined) throw noSnapshot(volumeId);
  // What a restore still needs says nothing about any other snapshot.
  if (restoring && snapshotId !== restoring.snapshotId) throw otherSnapshot(volumeId, restoring.snapshotId);
  const snapshot = await snapshots.open(volumeId, snapshotId, restoring?.restoreId);
  try {
    return await verifyVolume({
      ...p,
      volumeId,
      device,
      snapshot,
      isChanged: (offsetBytes, lengthBytes) => {
        const { record, opened, upload } = facts();
        // Changes are counted from the last snapshot on, and anew while one is being taken.
        const isKnown = opened === served && !upload && record.lastSnapshot?.snapshotId === snapshotId;
        return isKnown ? served.tracked.changed?.has(offsetBytes, lengthBytes) : undefined;
      },
      mustBeReadable: () => void mustBeServed(facts()),
    });
  } finally {
    await snapshot.close();
  }
}

const noSnapshot = (volumeId: string): HoldfastError =>
  new HoldfastError('NOT_FOUND', `volume ${volumeId} has no snapshot that it could be compared with`, {
    hint: `\`${typed(`holdfast-agent volume snapshot ${volumeId}`)}\` takes one`,
  });

const otherSnapshot = (volumeId: string, snapshotId: string): HoldfastError =>
  new HoldfastError('BUSY', `volume ${volumeId} is being restored from ${snapshotId}`, {
    hint: 'compare it with that one, or wait for the end of the restore',
  });
