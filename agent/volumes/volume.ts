import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { HoldfastError, asHoldfastError } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import { sameIdentity, type Descriptor } from '../../core/restore/descriptor.ts';
import { makeGeometry } from '../../core/restore/geometry.ts';
import { arityDefault } from '../../core/restore/tree.ts';
import { snapshotIdTimeMs } from '../../core/snapshot/names.ts';
import type { SnapshotSource } from '../../core/snapshot/source.ts';
import type {
  RestoreOutcome,
  SnapshotProgress,
  SnapshotResult,
  VolumeFault,
  VolumeHealth,
  VolumeInfo,
  VolumeState,
} from '../ports.ts';
import { reserveBytes } from '../restore/background-filler.ts';
import type { Bandwidth } from '../restore/bandwidth.ts';
import { BarrierOwner } from '../restore/barrier-owner.ts';
import { fileDescriptorStore, type DescriptorStore } from '../restore/descriptor-store.ts';
import { identityAt, openFileTarget, prepareFileTarget, type FileTarget } from '../restore/file-target.ts';
import { PlainDevice } from '../restore/plain-device.ts';
import { RestoreEngine } from '../restore/restore-engine.ts';
import { SwitchDevice } from '../restore/switch-device.ts';
import type { Clock } from '../restore/target-disk.ts';
import { lockProcess, type ProcessLock } from '../state/process-lock.ts';
import { writeVersionedFile } from '../state/versioned-file.ts';
import { ChangedGrains } from './changed-grains.ts';
import { ContentSamples, sampleBytes, signatureOf } from './content-samples.ts';
import { Mutex } from './mutex.ts';
import type { SnapshotAccess } from './snapshot-access.ts';
import { takeSnapshot } from './take-snapshot.ts';
import { TrackedDevice } from './tracked-device.ts';
import { volumeFile, type VolumeRecord } from './volume-record.ts';

export interface VolumeDeps {
  /** The volume's own folder in the state directory. */
  directory: string;
  snapshots: SnapshotAccess;
  clock: Clock;
  log: Log;
  bandwidth: Bandwidth;
}

/** What is open while a volume is served. */
interface Opened {
  target: FileTarget;
  lock: ProcessLock;
  barriers: BarrierOwner | undefined;
  tracked: TrackedDevice;
  samples: ContentSamples;
  restore: { engine: RestoreEngine; source: SnapshotSource } | undefined;
}

/** Losses that mend themselves when what was away comes back; the others need a restore. */
const passing = new Set<VolumeFault>(['missing', 'io-error', 'wrong-target']);

/** One volume: what is known of it, what is served for it, and what is done to it, one thing at a time. */
export class Volume {
  readonly served: SwitchDevice;
  readonly #deps: VolumeDeps;
  readonly #store: DescriptorStore;
  readonly #mutex = new Mutex();
  #record: VolumeRecord;
  #opened: Opened | undefined;
  #canceled: Descriptor | undefined;
  #upload: { fraction: number; lastProgressAt: number } | undefined;
  #stopUpload: ((reason: HoldfastError) => void) | undefined;

  constructor(deps: VolumeDeps, record: VolumeRecord) {
    this.#deps = deps;
    this.#record = record;
    this.#store = fileDescriptorStore(`${deps.directory}/restore.json`);
    this.served = new SwitchDevice(record.sizeBytes, unavailable(record.volumeId, 'it is not open yet'));
    this.served.onError = () => void this.check().catch(() => undefined);
  }

  get path(): string {
    return this.#record.path;
  }

  info(): VolumeInfo {
    const { volumeId, path, sizeBytes, lastSnapshot } = this.#record;
    const state = this.#state();
    const engine = this.#opened?.restore?.engine;
    const isRestoring = state === 'restoring' || state === 'paused';
    return {
      volumeId,
      path,
      sizeBytes,
      state,
      health: this.#health(),
      ...(lastSnapshot && {
        lastSnapshot: {
          snapshotId: lastSnapshot.snapshotId,
          at: lastSnapshot.at,
          sizeBytes: lastSnapshot.sizeBytes,
        },
      }),
      ...(engine &&
        isRestoring && {
          restore: { snapshotId: engine.descriptor.frozen.snapshotId, ...engine.progress() },
        }),
      ...(this.#upload && { upload: this.#upload }),
    };
  }

  /** Opens the volume as the last process left it. A volume that cannot be opened is there, failed. */
  open(): Promise<void> {
    return this.#mutex.run(() => this.#open());
  }

  check(): Promise<VolumeHealth> {
    return this.#mutex.run(async () => {
      await this.#look();
      return this.#health();
    });
  }

  async snapshot(p: {
    signal?: AbortSignal;
    onProgress?: (progress: SnapshotProgress) => void;
  }): Promise<SnapshotResult> {
    const { clock, snapshots } = this.#deps;
    const stop = new AbortController();
    const opened = await this.#mutex.run(async () => this.#beginUpload());
    this.#stopUpload = (reason) => stop.abort(reason);
    try {
      const { result, lastSnapshot } = await takeSnapshot({
        volumeId: this.#record.volumeId,
        tracked: opened.tracked,
        read: (into, offsetBytes) => opened.target.read(into, offsetBytes),
        parent: this.#record.lastSnapshot,
        bucket: await snapshots.bucket({ kind: 'snapshot', volumeId: this.#record.volumeId }),
        now: clock.now,
        signal: p.signal ? AbortSignal.any([p.signal, stop.signal]) : stop.signal,
        onProgress: (progress) => {
          this.#upload = {
            fraction: progress.totalBytes ? progress.doneBytes / progress.totalBytes : 1,
            lastProgressAt: clock.now(),
          };
          p.onProgress?.(progress);
        },
      });
      await this.#mutex.run(() => this.#save({ lastSnapshot }));
      return result;
    } finally {
      this.#upload = undefined;
      this.#stopUpload = undefined;
    }
  }

  restore(p: { snapshotId: string; bandwidthBytesPerSec?: number; arity?: number }): Promise<void> {
    return this.#mutex.run(() => this.#restore(p));
  }

  pause(): Promise<void> {
    return this.#mutex.run(() => this.#engine().pause());
  }

  resume(): Promise<void> {
    return this.#mutex.run(() => this.#engine().resumeBackground());
  }

  cancel(): Promise<void> {
    return this.#mutex.run(async () => {
      const engine = this.#engine();
      await engine.cancel();
      await this.#refuseCanceled(engine.descriptor);
    });
  }

  async waitRestored(signal?: AbortSignal): Promise<RestoreOutcome> {
    const engine = this.#opened?.restore?.engine;
    if (!engine) {
      const { fault, volumeId } = this.#record;
      const snapshotId = this.#canceled?.frozen.snapshotId;
      if (snapshotId) return { outcome: 'canceled', snapshotId };
      if (fault?.restoreId)
        return { outcome: 'failed', snapshotId: '', code: 'IO', message: `${volumeId}: ${fault.detail}` };
      return { outcome: 'none' };
    }
    const { snapshotId } = engine.descriptor.frozen;
    const state = await raceSignal(engine.ended(), signal);
    if (state === 'restored' || state === 'canceled') return { outcome: state, snapshotId };
    const { code, message } =
      engine.trouble ?? unavailable(this.#record.volumeId, `the restore was ${state}`);
    return { outcome: 'failed', snapshotId, code, message };
  }

  /** Stops serving. With `forget` also releases the snapshot that a restore holds on to. */
  close(options: { forget?: boolean } = {}): Promise<void> {
    return this.#mutex.run(async () => {
      const opened = this.#opened;
      const running = this.#state() === 'restoring' || this.#state() === 'paused';
      await this.#closeDevice(unavailable(this.#record.volumeId, 'the agent is stopping'));
      if (options.forget && running && opened?.restore) await this.#release(opened.restore.engine.descriptor);
      if (!options.forget && opened && !running && !this.#record.fault) await this.#rememberStop(opened);
    });
  }

  #state(): VolumeState {
    if (this.#record.fault && !this.#opened) return 'failed';
    if (this.#canceled) return 'canceled';
    const engine = this.#opened?.restore?.engine;
    const state = engine?.state;
    if (state === 'restoring' || state === 'paused' || state === 'canceled') return state;
    if (state === 'failed' || this.#opened?.barriers?.failure || !this.#opened) return 'failed';
    return 'healthy';
  }

  #health(): VolumeHealth {
    const { fault } = this.#record;
    if (fault) return { ok: false, reason: fault.reason, detail: fault.detail };
    const failure = this.#opened?.barriers?.failure ?? this.#opened?.restore?.engine.trouble;
    if (this.#state() === 'failed')
      return { ok: false, reason: 'io-error', detail: failure?.message ?? 'it is not open' };
    return { ok: true };
  }

  async #open(): Promise<void> {
    try {
      const descriptor = await this.#store.load();
      const phase = descriptor?.moving.phase;
      const { fault } = this.#record;
      const lostSince =
        fault && (!descriptor || phase === 'restored' || fault.restoreId === descriptor.frozen.restoreId);
      if (lostSince && !passing.has(fault.reason)) return await this.served.replace(this.#lossError());
      if (descriptor && phase === 'canceled') return await this.#refuseCanceled(descriptor);
      if (descriptor && phase !== 'restored') return await this.#resumeRestore(descriptor);
      await this.#openHealthy();
    } catch (thrown) {
      const error = asHoldfastError(thrown);
      this.#deps.log('error', 'volume.open-failed', {
        volumeId: this.#record.volumeId,
        code: error.code,
        message: error.message,
      });
      await this.#lose(faultOf(error), error.message);
    }
  }

  async #openHealthy(): Promise<void> {
    const { record, target, lock } = await this.#openTarget(this.#record.identity);
    const { stopped } = record;
    const samples = new ContentSamples(record.sizeBytes, stopped?.samples);
    const untouched = stopped && stopped.modifiedAtNs === (await modifiedAt(record.path));
    const changed = untouched ? ChangedGrains.decode(record.sizeBytes, stopped.changed) : undefined;
    const barriers = new BarrierOwner(target);
    const tracked = new TrackedDevice(new PlainDevice(target, record.sizeBytes, barriers), changed, samples);
    // Used up: after a crash from here on nothing is known of the changes.
    await this.#save({ stopped: undefined, fault: undefined });
    this.#opened = { target, lock, barriers, tracked, samples, restore: undefined };
    if (await this.#lookAtContent({ isFirst: true })) await this.served.replace(tracked);
  }

  async #resumeRestore(descriptor: Descriptor): Promise<void> {
    const { frozen } = descriptor;
    const geometry = makeGeometry(frozen);
    const { target, lock } = await this.#openTarget(frozen.identity, { dropCache: true });
    if (target.identity.kind === 'file' && target.sizeBytes < geometry.diskBytes)
      await target.resize(geometry.diskBytes);
    const source = this.#deps.snapshots.reopen(descriptor);
    const engine = await RestoreEngine.resume(this.#engineDeps(target, source), descriptor);
    await this.#serveRestore({ target, lock, engine, source, changed: undefined });
  }

  async #restore(p: { snapshotId: string; bandwidthBytesPerSec?: number; arity?: number }): Promise<void> {
    const { volumeId, path, sizeBytes } = this.#record;
    this.#mustBeIdle('restored');
    const restoreId = randomBytes(16).toString('hex');
    const source = await this.#deps.snapshots.pin(volumeId, p.snapshotId, restoreId);
    let opened: { target: FileTarget; lock: ProcessLock } | undefined;
    try {
      const arity = p.arity ?? arityDefault;
      const geometry = makeGeometry({
        volumeBytes: sizeBytes,
        snapshotBytes: source.sizeBytes,
        blockBytes: source.chunkBytes,
        arity,
      });
      await this.#closeDevice(unavailable(volumeId, 'its restore begins'));
      opened = await this.#prepareTarget(path, geometry.diskBytes);
      const descriptor: Descriptor = {
        frozen: {
          volumeId,
          path,
          identity: opened.target.identity,
          snapshotId: p.snapshotId,
          rootHash: Buffer.from(source.rootHash).toString('hex'),
          snapshotBytes: source.sizeBytes,
          volumeBytes: sizeBytes,
          blockBytes: source.chunkBytes,
          blockCount: geometry.tree.blockCount,
          arity,
          restoreId,
          markKey: randomBytes(32).toString('hex'),
        },
        moving: {
          phase: 'starting',
          cursor: 0,
          paused: false,
          ...(p.bandwidthBytesPerSec && { bandwidthBytesPerSec: p.bandwidthBytesPerSec }),
        },
      };
      const engine = await RestoreEngine.begin(this.#engineDeps(opened.target, source), descriptor);
      this.#canceled = undefined;
      await this.#save({ identity: opened.target.identity, fault: undefined, stopped: undefined });
      await this.#serveRestore({ ...opened, engine, source, changed: new ChangedGrains(sizeBytes) });
    } catch (thrown) {
      await source.close();
      await opened?.target.close().catch(() => undefined);
      await opened?.lock.release();
      if (!this.#opened) await this.#open();
      throw thrown;
    }
  }

  async #serveRestore(p: {
    target: FileTarget;
    lock: ProcessLock;
    engine: RestoreEngine;
    source: SnapshotSource;
    changed: ChangedGrains | undefined;
  }): Promise<void> {
    const { target, lock, engine, source, changed } = p;
    const samples = new ContentSamples(this.#record.sizeBytes);
    const tracked = new TrackedDevice(engine.device, changed, samples);
    this.#opened = { target, lock, barriers: undefined, tracked, samples, restore: { engine, source } };
    await this.served.replace(tracked);
    engine.startBackground();
    const { volumeId } = this.#record;
    const { snapshotId } = engine.descriptor.frozen;
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
    const { snapshotId, snapshotBytes, blockBytes } = engine.descriptor.frozen;
    const at = snapshotIdTimeMs(snapshotId);
    await this.#save({
      lastSnapshot: { snapshotId, at, sizeBytes: snapshotBytes, chunkBytes: blockBytes },
      fault: undefined,
    });
    await opened.restore.source.close();
    await this.#release(engine.descriptor);
    await this.#lookAtContent();
  }

  async #release(descriptor: Descriptor): Promise<void> {
    await this.#deps.snapshots.release(descriptor).catch((thrown: unknown) => {
      const { volumeId, snapshotId } = descriptor.frozen;
      const { message } = asHoldfastError(thrown);
      this.#deps.log('warn', 'restore.unpin-failed', { volumeId, snapshotId, message });
    });
  }

  async #refuseCanceled(descriptor: Descriptor): Promise<void> {
    await this.#closeDevice(
      new HoldfastError('GONE', `the restore of ${this.#record.volumeId} was canceled; it is incomplete`, {
        hint: 'restore it again',
      }),
    );
    this.#canceled = descriptor;
    await this.#release(descriptor);
  }

  /** The backing file and its content, as they are now; notes a loss, or that what was away is back. */
  async #look(): Promise<void> {
    const { fault, path, sizeBytes } = this.#record;
    if (this.#canceled || (fault && !passing.has(fault.reason))) return;
    const engine = this.#opened?.restore?.engine;
    if (engine?.state === 'failed' || this.#opened?.barriers?.failure) {
      await this.#closeDevice(unavailable(this.#record.volumeId, 'it is opened again'));
      return this.#open();
    }
    try {
      const found = await identityAt(path);
      const identity = this.#opened?.target.identity ?? this.#record.identity;
      if (!found) return await this.#lose('missing', `${path} does not exist`);
      if (!sameIdentity(found.identity, identity))
        return await this.#lose('wrong-target', `${path} is another disk or file than the volume's`);
      if (found.sizeBytes < sizeBytes)
        return await this.#lose('truncated', `${path} has ${found.sizeBytes} bytes of ${sizeBytes}`);
    } catch (thrown) {
      return this.#lose('io-error', asHoldfastError(thrown).message);
    }
    if (!this.#opened) return this.#open();
    await this.#lookAtContent();
  }

  /** False where the content is not what it was. While a restore runs its marks and hashes answer for it. */
  async #lookAtContent(options: { isFirst?: boolean } = {}): Promise<boolean> {
    const opened = this.#opened;
    if (!opened || this.#state() !== 'healthy') return true;
    const { path, signature, sizeBytes } = this.#record;
    try {
      const knownBefore = opened.samples.known().some((sample) => sample.offsetBytes === 0);
      const wrong = await opened.samples.check((into, offset) => opened.target.read(into, offset));
      if (wrong !== undefined) {
        await this.#lose('overwritten', `${path} was changed behind the agent, at byte ${wrong}`);
        return false;
      }
      const front = new Uint8Array(Math.min(sampleBytes, sizeBytes));
      await opened.target.read(front, 0);
      const now = signatureOf(front);
      // After a crash nothing is known of single pages; that a file system is gone still shows.
      if (options.isFirst && !knownBefore && signature && now !== signature) {
        await this.#lose('overwritten', `${path} had an ${signature} signature, which is gone`);
        return false;
      }
      if (now !== signature) await this.#save({ signature: now });
      return true;
    } catch (thrown) {
      await this.#lose('io-error', asHoldfastError(thrown).message);
      return false;
    }
  }

  async #lose(reason: VolumeFault, detail: string): Promise<void> {
    const engine = this.#opened?.restore?.engine;
    const restoreId = engine && engine.state !== 'restored' ? engine.descriptor.frozen.restoreId : undefined;
    const isNew = this.#record.fault?.reason !== reason;
    this.#record = {
      ...this.#record,
      fault: { reason, detail: detail.slice(0, 1000), ...(restoreId && { restoreId }) },
    };
    if (isNew) this.#deps.log('error', 'volume.lost', { volumeId: this.#record.volumeId, reason, detail });
    await this.#closeDevice(this.#lossError());
    if (isNew) await this.#save({});
  }

  #lossError(): HoldfastError {
    const { volumeId, fault } = this.#record;
    return new HoldfastError('IO', `volume ${volumeId} is lost (${fault?.reason}): ${fault?.detail}`, {
      hint: 'restore it from a snapshot',
    });
  }

  async #closeDevice(error: HoldfastError): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    this.#stopUpload?.(error);
    const drained = this.served.replace(error);
    // An engine lets go of requests that wait for S3 when it closes.
    if (opened?.restore) {
      await opened.restore.engine.close();
      await opened.restore.source.close();
    }
    await drained;
    if (opened && !opened.restore) await opened.target.close();
    await opened?.lock.release();
  }

  #engineDeps(target: FileTarget, source: SnapshotSource) {
    const { clock, log, bandwidth } = this.#deps;
    const { volumeId } = this.#record;
    return {
      target,
      source,
      store: this.#store,
      clock,
      sharedBandwidth: bandwidth,
      onTrouble: ({ code, message }: HoldfastError, block: number) =>
        log('warn', 'restore.trouble', { volumeId, block, code, message }),
    };
  }

  #engine(): RestoreEngine {
    const engine = this.#opened?.restore?.engine;
    if (engine) return engine;
    throw new HoldfastError('CONFLICT', `no restore of ${this.#record.volumeId} is running`);
  }

  #beginUpload(): Opened {
    this.#mustBeIdle('snapshotted');
    if (!this.#opened || this.#state() !== 'healthy')
      throw new HoldfastError('IO', `volume ${this.#record.volumeId} is ${this.#state()}`, {
        hint: 'restore it first',
      });
    this.#upload = { fraction: 0, lastProgressAt: this.#deps.clock.now() };
    return this.#opened;
  }

  #mustBeIdle(what: string): void {
    const state = this.#state();
    const busy = this.#upload ? 'a snapshot of it is being taken' : `it is ${state}`;
    if (!this.#upload && state !== 'restoring' && state !== 'paused') return;
    throw new HoldfastError('BUSY', `volume ${this.#record.volumeId} cannot be ${what}: ${busy}`, {
      hint: this.#upload ? 'try again when it is done' : 'cancel the restore, or wait for its end',
    });
  }

  async #openTarget(
    identity: VolumeRecord['identity'],
    options?: { dropCache?: boolean },
  ): Promise<{ record: VolumeRecord; target: FileTarget; lock: ProcessLock }> {
    const { path, sizeBytes } = this.#record;
    const target = await openFileTarget(path, options);
    try {
      if (!sameIdentity(target.identity, identity))
        throw new HoldfastError('WRONG_TARGET', `${path} is another disk or file than the volume's`);
      if (target.sizeBytes < sizeBytes)
        throw new HoldfastError('CORRUPT', `${path} has ${target.sizeBytes} bytes of ${sizeBytes}`);
      return { record: this.#record, target, lock: await lockTarget(target) };
    } catch (thrown) {
      await target.close();
      throw thrown;
    }
  }

  async #prepareTarget(path: string, diskBytes: number): Promise<{ target: FileTarget; lock: ProcessLock }> {
    const target = await prepareFileTarget(path, diskBytes);
    try {
      const free = await target.freeBytes();
      if (free !== undefined && free < reserveBytes)
        throw new HoldfastError('NO_SPACE', `the file system of ${path} has ${free} bytes left`, {
          hint: 'make room there first',
        });
      return { target, lock: await lockTarget(target) };
    } catch (thrown) {
      await target.close();
      throw thrown;
    }
  }

  /** What an orderly stop knows spares the next snapshot from reading everything. */
  async #rememberStop({ tracked, samples }: Opened): Promise<void> {
    const { path, sizeBytes } = this.#record;
    const changed = tracked.changed;
    if (!changed) return;
    await this.#save({
      stopped: { modifiedAtNs: await modifiedAt(path), changed: changed.encode(), samples: samples.known() },
    }).catch((thrown: unknown) =>
      this.#deps.log('warn', 'volume.stop-not-remembered', { path, sizeBytes, message: String(thrown) }),
    );
  }

  async #save(change: Partial<VolumeRecord>): Promise<void> {
    this.#record = { ...this.#record, ...change };
    await writeVersionedFile(`${this.#deps.directory}/volume.json`, volumeFile, this.#record);
  }
}

export function lockTarget(target: FileTarget): Promise<ProcessLock> {
  return lockProcess(`holdfast-volume/${target.lockName}`, {
    message: `another process serves ${target.path}`,
    hint: 'stop it first: one volume has one process',
  });
}

function unavailable(volumeId: string, why: string): HoldfastError {
  return new HoldfastError('UNAVAILABLE', `volume ${volumeId} is not served: ${why}`);
}

function faultOf(error: HoldfastError): VolumeFault {
  if (error.code === 'NOT_FOUND') return 'missing';
  if (error.code === 'WRONG_TARGET') return 'wrong-target';
  if (error.code === 'CORRUPT') return 'truncated';
  return 'io-error';
}

/** Empty for devices: nothing says when they were written last. */
async function modifiedAt(path: string): Promise<string> {
  const info = await stat(path, { bigint: true });
  return info.isFile() ? String(info.mtimeNs) : '';
}

function raceSignal<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return promise;
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
