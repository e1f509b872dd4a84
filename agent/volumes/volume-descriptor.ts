import { asHoldfastError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { sameIdentity, type Descriptor } from '../../core/restore/descriptor.ts';
import type { Bandwidth } from '../restore/bandwidth.ts';
import type { DescriptorStore } from '../restore/descriptor-store.ts';
import { identityAt } from '../restore/identity-at.ts';
import type { Clock } from '../restore/target-disk.ts';
import type { Transfers } from '../transfer/transfers.ts';
import { passingFaults, type Loss } from './inspection.ts';
import type { SnapshotAccess } from './snapshot-access.ts';
import type { VolumeRecord } from './volume-record.ts';
import type { VolumeFacts } from './volume-view.ts';

export interface VolumeDeps {
  /** The volume's own folder in the state directory. */
  directory: string;
  snapshots: SnapshotAccess;
  clock: Clock;
  log: Log;
  bandwidth: Bandwidth;
  scheduledBandwidth: Bandwidth;
  transfers?: Transfers | undefined;
}

/** Once a restore is complete its descriptor says nothing any more; before that the volume is lost without it. */
export async function loadDescriptor(
  { store, log }: { store: DescriptorStore; log: Log },
  { volumeId, restoreId }: VolumeRecord,
): Promise<{ descriptor: Descriptor | undefined } | { loss: Loss }> {
  try {
    return { descriptor: await store.load() };
  } catch (thrown) {
    const { message, code } = asHoldfastError(thrown);
    if (code !== 'CORRUPT') throw thrown;
    log('error', 'volume.descriptor-damaged', { volumeId, message });
    // It passes when the file is put back.
    return restoreId === undefined
      ? { descriptor: undefined }
      : { loss: { reason: 'io-error', detail: message } };
  }
}

/** A restore that began after the loss mends it; one in whose course the loss came does not. */
export function isStillLost({ fault }: VolumeRecord, descriptor: Descriptor | undefined): boolean {
  if (!fault || passingFaults.has(fault.reason)) return false;
  const phase = descriptor?.moving.phase;
  if (phase === undefined || phase === 'restored') return true;
  return fault.restoreId === descriptor?.frozen.restoreId;
}

/** True where a restore was begun, is not complete, and its disk is still there. */
export async function isUnfinished({ record, opened }: VolumeFacts): Promise<boolean> {
  if (record.restoreId === undefined || opened?.restore?.engine.state === 'restored') return false;
  const found = await identityAt(record.path).catch(() => undefined);
  return found !== undefined && sameIdentity(found.identity, record.identity);
}

/** Lets go of the snapshot that a restore held on to. */
export async function releaseSnapshot(
  { snapshots, log }: { snapshots: SnapshotAccess; log: Log },
  { frozen }: Descriptor,
): Promise<void> {
  const { volumeId, snapshotId, restoreId } = frozen;
  await snapshots.release(volumeId, snapshotId, restoreId).catch((thrown: unknown) => {
    const { message } = asHoldfastError(thrown);
    log('warn', 'restore.unpin-failed', { volumeId, snapshotId, message });
  });
}
