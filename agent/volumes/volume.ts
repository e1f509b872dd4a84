import { asHoldfastError, type HoldfastError } from '../../core/errors.ts';
import type { Descriptor } from '../../core/restore/descriptor.ts';
import type { RestoreOutcome, SnapshotResult, VolumeHealth, VolumeInfo, VolumeService } from '../ports.ts';
import { fileDescriptorStore, type DescriptorStore } from '../restore/descriptor-store.ts';
import { FirstReads } from '../restore/first-reads.ts';
import type { RestoreEngine } from '../restore/restore-engine.ts';
import { openUploadJournal } from '../snapshot/upload-journal.ts';
import { SwitchDevice } from '../restore/switch-device.ts';
import { writeVersionedFile } from '../state/versioned-file.ts';
import { ChangedGrains } from './changed-grains.ts';
import { ContentSamples } from './content-samples.ts';
import { faultOf, inspectBacking, inspectContent, passingFaults, type Loss } from './inspection.ts';
import { Mutex } from './mutex.ts';
import { beginRestore, resumeRestore, type OpenRestore } from './open-restore.ts';
import { openHealthy, stopOf } from './open-healthy.ts';
import { outcomeOf } from './restore-outcome.ts';
import { geometryFor, newRestoreId } from '../restore/restore-plan.ts';
import { TrackedDevice } from './tracked-device.ts';
import { beginUpload, type Upload } from './upload.ts';
import { canceled, engineOf, forgotten, isHealthy, lost, mustBeIdle, unavailable } from './volume-errors.ts';
import {
  isStillLost,
  isUnfinished,
  loadDescriptor,
  releaseSnapshot,
  type VolumeDeps,
} from './volume-descriptor.ts';
import { verifyServed, type VerifyParams } from './verify-served.ts';
import { afterRestore, volumeFile, type VolumeRecord } from './volume-record.ts';
import { faultIn, healthOf, infoOf, stateOf, type Opened, type VolumeFacts } from './volume-view.ts';

type SnapshotParams = Parameters<VolumeService['snapshot']>[0];
type RestoreParams = Omit<Parameters<VolumeService['restore']>[0], 'volumeId'>;

/** One volume: what is known of it, what is served for it, and what is done to it, one thing at a time. */
export class Volume {
  readonly served: SwitchDevice;
  readonly #deps: VolumeDeps & { store: DescriptorStore };
  readonly #mutex = new Mutex();
  readonly #firstReads = new FirstReads();
  #record: VolumeRecord;
  #opened: Opened | undefined;
  #canceled: Descriptor | undefined;
  #upload: Upload | undefined;
  #isForgotten = false;

  constructor(deps: VolumeDeps, record: VolumeRecord) {
    this.#deps = { ...deps, store: fileDescriptorStore(`${deps.directory}/restore.json`) };
    this.#record = record;
    this.served = new SwitchDevice(record.sizeBytes, unavailable(this.#record, 'it is not open yet'));
    this.served.onRead = this.#firstReads.note;
    // A lost disk is noticed when it is used, not at the next round.
    this.served.onError = () => void this.check().catch(() => undefined);
  }

  get path(): string {
    return this.#record.path;
  }

  /** True where only the descriptor tells restored blocks from unrestored ones, on a disk that is still there. */
  holdsUnfinishedRestore = (): Promise<boolean> => isUnfinished(this.#facts());

  info = (): VolumeInfo => infoOf(this.#facts());

  /** Opens the volume as the last process left it. A volume that cannot be opened is there, failed. */
  open = (): Promise<void> => this.#mutex.run(() => this.#open());

  check(): Promise<VolumeHealth> {
    return this.#run(async () => {
      await this.#look();
      return healthOf(this.#facts());
    });
  }

  async snapshot(p: Pick<SnapshotParams, 'signal' | 'onProgress'>): Promise<SnapshotResult> {
    const { volumeId } = this.#record;
    const { opened, upload } = await this.#run(async () => this.#beginUpload());
    const journal = await openUploadJournal(`${this.#deps.directory}/upload`).catch(() => undefined);
    try {
      const { result, lastSnapshot } = await upload.run({
        ...p,
        volumeId,
        tracked: opened.tracked,
        read: (into, offsetBytes) => opened.tracked.read(into, offsetBytes),
        parent: this.#record.lastSnapshot,
        firstReads: this.#firstReads,
        encoder: this.#deps.transfers?.encoder,
        journal,
        bucket: await this.#deps.snapshots.bucket({ kind: 'snapshot', volumeId }),
      });
      await this.#mutex.run(() => this.#save({ lastSnapshot, failedSnapshots: undefined }));
      return result;
    } catch (thrown) {
      const failedSnapshots = (this.#record.failedSnapshots ?? 0) + 1;
      if (!p.signal?.aborted) await this.#run(() => this.#save({ failedSnapshots })).catch(() => undefined);
      throw thrown;
    } finally {
      await journal?.close();
      this.#upload = undefined;
    }
  }

  verify = (p: VerifyParams): ReturnType<VolumeService['verify']> =>
    verifyServed({ facts: () => this.#facts(), device: this.served.unnoticed, ...this.#deps }, p);

  restore = (p: RestoreParams): Promise<void> => this.#run(() => this.#restore(p));
  pause = (): Promise<void> => this.#run(() => this.#engine().pause());
  resume = (): Promise<void> => this.#run(() => this.#engine().resumeBackground());
  rescheduled = (): Promise<void> => this.#run(async () => this.#opened?.restore?.engine.restartBackground());
  limit = (bytesPerSec?: number): Promise<void> => this.#run(() => this.#engine().limit(bytesPerSec));

  cancel(): Promise<void> {
    return this.#run(async () => {
      const engine = this.#engine();
      await engine.cancel();
      await this.#refuseCanceled(engine.descriptor);
      await this.#release(engine.descriptor);
    });
  }

  waitRestored = (signal?: AbortSignal): Promise<RestoreOutcome> => outcomeOf(this.#facts(), signal);

  /** Stops serving. With `forget` also releases the snapshot that a restore holds on to. */
  close(options: { forget?: boolean } = {}): Promise<void> {
    return this.#mutex.run(async () => {
      this.#isForgotten ||= options.forget ?? false;
      const opened = this.#opened;
      const wasHealthy = stateOf(this.#facts()) === 'healthy';
      await this.#closeDevice(unavailable(this.#record, 'the agent is stopping'));
      if (!opened) return;
      if (wasHealthy && !options.forget) await this.#save({ stopped: await stopOf(this.#record, opened) });
      if (!wasHealthy && options.forget && opened.restore)
        await this.#release(opened.restore.engine.descriptor);
    });
  }

  /** One thing at a time, and nothing more once the volume was forgotten. */
  #run<T>(work: () => Promise<T>): Promise<T> {
    return this.#mutex.run(() => {
      if (this.#isForgotten) throw forgotten(this.#record);
      return work();
    });
  }

  #facts(): VolumeFacts {
    const upload = this.#upload?.progress;
    return { record: this.#record, opened: this.#opened, canceled: this.#canceled, upload };
  }

  async #open(): Promise<void> {
    try {
      const stored = await loadDescriptor(this.#deps, this.#record);
      if ('loss' in stored) return await this.#lose(stored.loss);
      const { descriptor } = stored;
      const phase = descriptor?.moving.phase;
      if (isStillLost(this.#record, descriptor)) await this.served.replace(lost(this.#record));
      else if (descriptor && phase === 'canceled') await this.#refuseCanceled(descriptor);
      else if (descriptor && phase !== 'restored') {
        const source = this.#deps.snapshots.reopen(descriptor);
        const opened = await resumeRestore(this.#deps, { descriptor, path: this.#record.path, source });
        await this.#serveRestore(opened, undefined);
      } else await this.#openHealthy(descriptor);
    } catch (thrown) {
      const error = asHoldfastError(thrown);
      await this.#lose({ reason: faultOf(error), detail: error.message });
    }
  }

  async #openHealthy(restored: Descriptor | undefined): Promise<void> {
    const opened = await openHealthy(this.#record, restored);
    this.#opened = opened;
    // Used up: after a crash from here on nothing is known of the changes.
    await this.#save({ stopped: undefined, fault: undefined });
    if (await this.#lookAtContent({ isFirst: true })) await this.served.replace(opened.tracked);
  }

  async #restore(p: RestoreParams): Promise<void> {
    const { volumeId, path, sizeBytes } = this.#record;
    // What was lost may be back, whole or with a restore that goes on, and what is gone may not have been noticed.
    await this.#look();
    mustBeIdle(this.#facts());
    if (!p.replace && stateOf(this.#facts()) === 'healthy') throw isHealthy(this.#record);
    const restoreId = newRestoreId();
    const source = await this.#deps.snapshots.pin(volumeId, p.snapshotId, restoreId);
    try {
      // Refused before anything is touched.
      geometryFor(sizeBytes, source, p.arity);
      await this.#closeDevice(unavailable(this.#record, 'its restore begins'));
      const params = { ...p, volumeId, path, volumeBytes: sizeBytes, restoreId, source };
      const opened = await beginRestore(this.#deps, params);
      this.#canceled = undefined;
      this.#firstReads.clear();
      await this.#serveRestore(opened, new ChangedGrains(sizeBytes));
      // From now on the volume is the snapshot and what clients changed since: the next one builds on it.
      await this.#save(afterRestore(opened.target.identity, restoreId, source));
    } catch (thrown) {
      await source.close();
      await this.#deps.snapshots.release(volumeId, p.snapshotId, restoreId).catch(() => undefined);
      if (!this.#opened) await this.#open();
      throw thrown;
    }
  }

  async #serveRestore(opened: OpenRestore, changed: ChangedGrains | undefined): Promise<void> {
    const { target, lock, engine, source } = opened;
    const samples = new ContentSamples(this.#record.sizeBytes);
    const tracked = new TrackedDevice(engine.device, changed, samples);
    this.#opened = { target, lock, barriers: undefined, tracked, samples, restore: { engine, source } };
    await this.served.replace(tracked);
    engine.startBackground();
    const { volumeId, snapshotId } = engine.descriptor.frozen;
    this.#deps.log('info', 'restore.serving', { volumeId, snapshotId });
    void engine.ended().then((state) => {
      this.#deps.log(state === 'failed' ? 'error' : 'info', `restore.${state}`, { volumeId, snapshotId });
      if (state === 'restored') void this.#mutex.run(() => this.#endRestore(engine)).catch(() => undefined);
    });
  }

  /** The volume is complete: from now on its content can be watched, and the snapshot need not be kept for it. */
  async #endRestore(engine: RestoreEngine): Promise<void> {
    const opened = this.#opened;
    if (opened?.restore?.engine !== engine) return;
    await this.#save({ fault: undefined, restoreId: undefined });
    await opened.restore.source.close();
    await this.#release(engine.descriptor);
    await this.#lookAtContent();
  }

  #release = (descriptor: Descriptor): Promise<void> => releaseSnapshot(this.#deps, descriptor);

  async #refuseCanceled(descriptor: Descriptor): Promise<void> {
    await this.#closeDevice(canceled(this.#record));
    this.#canceled = descriptor;
  }

  /** The backing file and its content, as they are now; notes a loss, or that what was away is back. */
  async #look(): Promise<void> {
    const { fault, path, sizeBytes } = this.#record;
    if (this.#canceled || (fault && !passingFaults.has(fault.reason))) return;
    if (this.#opened?.restore?.engine.state === 'failed' || this.#opened?.barriers?.failure) {
      await this.#closeDevice(unavailable(this.#record, 'it is opened again'));
      return this.#open();
    }
    const identity = this.#opened?.target.identity ?? this.#record.identity;
    const loss = await inspectBacking({ path, sizeBytes, identity });
    if (loss) return this.#lose(loss);
    if (!this.#opened) return this.#open();
    await this.#lookAtContent();
  }

  /** False where the content is not what it was. While a restore runs its marks and hashes answer for it. */
  async #lookAtContent(options: { isFirst?: boolean } = {}): Promise<boolean> {
    const opened = this.#opened;
    if (!opened || stateOf({ ...this.#facts(), canceled: undefined }) !== 'healthy') return true;
    const { path, sizeBytes, signature } = this.#record;
    const { target, samples } = opened;
    const before = options.isFirst ? signature : undefined;
    const found = await inspectContent({ path, sizeBytes, target, samples, signature: before });
    if ('loss' in found) await this.#lose(found.loss);
    else if (found.signature !== signature) await this.#save({ signature: found.signature });
    return !('loss' in found);
  }

  async #lose(loss: Loss): Promise<void> {
    const { volumeId, fault: before } = this.#record;
    const { reason, detail } = loss;
    this.#record = { ...this.#record, fault: faultIn(this.#facts(), loss) };
    await this.#closeDevice(lost(this.#record));
    if (before?.reason === reason) return;
    this.#deps.log('error', 'volume.lost', { volumeId, reason, detail });
    await this.#save({});
  }

  async #closeDevice(error: HoldfastError): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    this.#upload?.stop(error);
    const drained = this.served.replace(error);
    // An engine lets go of requests that wait for S3 when it closes, and of its target.
    await opened?.restore?.engine.close();
    await opened?.restore?.source.close();
    await drained;
    if (opened && !opened.restore) await opened.target.close();
    await opened?.lock.release();
  }

  #engine = (): RestoreEngine => engineOf(this.#facts());

  #beginUpload(): ReturnType<typeof beginUpload> {
    const begun = beginUpload(this.#facts(), this.#deps.clock.now);
    this.#upload = begun.upload;
    return begun;
  }

  async #save(change: Partial<VolumeRecord>): Promise<void> {
    this.#record = { ...this.#record, ...change };
    await writeVersionedFile(`${this.#deps.directory}/volume.json`, volumeFile, this.#record);
  }
}
