import { HoldfastError } from '../../core/errors.ts';
import type { Descriptor } from '../../core/restore/descriptor.ts';
import { BarrierOwner } from '../restore/barrier-owner.ts';
import { PlainDevice } from '../restore/plain-device.ts';
import { ChangedGrains } from './changed-grains.ts';
import { ContentSamples } from './content-samples.ts';
import { TrackedDevice } from './tracked-device.ts';
import type { VolumeRecord } from './volume-record.ts';
import { modifiedAtNs, openVolumeTarget } from '../restore/volume-target.ts';
import type { Opened } from './volume-view.ts';

/**
 * A volume that is served as it is, with what an orderly stop knew of it; `restored` is the descriptor of its last
 * restore. Throws as `openVolumeTarget`, and GONE where a restore was begun and its descriptor is missing.
 */
export async function openHealthy(record: VolumeRecord, restored: Descriptor | undefined): Promise<Opened> {
  if (record.restoreId !== undefined && !restored)
    throw new HoldfastError('GONE', `the descriptor of the restore of ${record.volumeId} is missing`, {
      hint: 'nothing tells restored blocks from unrestored ones without it: restore the volume again',
    });
  const { path, sizeBytes, stopped } = record;
  const locked = await openVolumeTarget(record);
  const samples = new ContentSamples(sizeBytes, stopped?.samples);
  const isUntouched = stopped && stopped.modifiedAtNs === (await modifiedAtNs(path));
  const changed =
    isUntouched && stopped.changed ? ChangedGrains.decode(sizeBytes, stopped.changed) : undefined;
  const barriers = new BarrierOwner(locked.target);
  const tracked = new TrackedDevice(new PlainDevice(locked.target, sizeBytes, barriers), changed, samples);
  return { ...locked, barriers, tracked, samples, restore: undefined };
}

/** What spares the next snapshot from reading everything and tells a change meanwhile. Call it when closed. */
export async function stopOf(
  { path }: VolumeRecord,
  { tracked, samples }: Opened,
): Promise<VolumeRecord['stopped']> {
  const modified = await modifiedAtNs(path).catch(() => undefined);
  if (modified === undefined) return undefined;
  return { changed: tracked.changed?.encode(), modifiedAtNs: modified, samples: samples.known() };
}
