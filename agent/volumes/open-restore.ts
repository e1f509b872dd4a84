import type { HoldfastError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { Descriptor } from '../../core/restore/descriptor.ts';
import { makeGeometry } from '../../core/restore/geometry.ts';
import type { SnapshotSource } from '../../core/snapshot/source.ts';
import type { Bandwidth } from '../restore/bandwidth.ts';
import type { DescriptorStore } from '../restore/descriptor-store.ts';
import { RestoreEngine } from '../restore/restore-engine.ts';
import type { Clock } from '../restore/target-disk.ts';
import type { Transfers } from '../transfer/transfers.ts';
import { geometryFor, newDescriptor, type RestoreParams } from '../restore/restore-plan.ts';
import { openVolumeTarget, prepareVolumeTarget, type LockedTarget } from '../restore/volume-target.ts';

export interface RestoreDeps {
  store: DescriptorStore;
  clock: Clock;
  log: Log;
  bandwidth: Bandwidth;
  scheduledBandwidth: Bandwidth;
  transfers?: Transfers | undefined;
}

export interface OpenRestore extends LockedTarget {
  engine: RestoreEngine;
  source: SnapshotSource;
}

/** Makes or sizes the target and begins. The source stays the caller's where this throws; the target does not. */
export async function beginRestore(
  deps: RestoreDeps,
  p: RestoreParams & {
    volumeId: string;
    path: string;
    volumeBytes: number;
    restoreId: string;
    source: SnapshotSource;
  },
): Promise<OpenRestore> {
  const geometry = geometryFor(p.volumeBytes, p.source, p.arity);
  const locked = await prepareVolumeTarget(p.path, geometry.diskBytes);
  try {
    const descriptor = newDescriptor({ ...p, geometry, identity: locked.target.identity });
    const engine = await RestoreEngine.begin(engineDeps(deps, locked, p.source, p.volumeId), descriptor);
    return { ...locked, engine, source: p.source };
  } catch (thrown) {
    await letGo(locked);
    throw thrown;
  }
}

/** Goes on with a restore after a restart. Throws as `openVolumeTarget`. */
export async function resumeRestore(
  deps: RestoreDeps,
  p: { descriptor: Descriptor; path: string; source: SnapshotSource },
): Promise<OpenRestore> {
  const { frozen } = p.descriptor;
  const { diskBytes } = makeGeometry(frozen);
  const locked = await openVolumeTarget(
    { path: p.path, sizeBytes: frozen.volumeBytes, identity: frozen.identity },
    { dropCache: true },
  );
  try {
    const { target } = locked;
    // The padding of the last block goes when a restore is complete; a crash may have come in between.
    if (frozen.identity.kind === 'file' && target.sizeBytes < diskBytes) await target.resize(diskBytes);
    const engine = await RestoreEngine.resume(
      engineDeps(deps, locked, p.source, frozen.volumeId),
      p.descriptor,
    );
    return { ...locked, engine, source: p.source };
  } catch (thrown) {
    await letGo(locked);
    throw thrown;
  }
}

function engineDeps(deps: RestoreDeps, { target }: LockedTarget, source: SnapshotSource, volumeId: string) {
  const { store, clock, bandwidth, scheduledBandwidth, log } = deps;
  target.writeLateBy(deps.transfers?.lateWriter);
  const onTrouble = ({ code, message }: HoldfastError, block: number) =>
    log('warn', 'restore.trouble', { volumeId, block, code, message });
  return { target, source, store, clock, sharedBandwidth: bandwidth, scheduledBandwidth, onTrouble };
}

async function letGo({ target, lock }: LockedTarget): Promise<void> {
  await target.close().catch(() => undefined);
  await lock.release();
}
