import { mkdir, readdir, rm } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { asHoldfastError, HoldfastError } from '../../core/errors.ts';
import { silentLog, type Log } from '../../core/log.ts';
import { serveNbd, type NbdServer } from '../nbd/server.ts';
import type { BucketFor, VolumeInfo, VolumeService } from '../ports.ts';
import { Bandwidth } from '../restore/bandwidth.ts';
import { systemClock } from '../restore/system-clock.ts';
import type { Clock } from '../restore/target-disk.ts';
import { ioError, readVersionedFile, syncDirectory, writeVersionedFile } from '../state/versioned-file.ts';
import type { Transfers } from '../transfer/transfers.ts';
import { makeRecord, volumeBytesMin } from './make-record.ts';
import { Mutex } from './mutex.ts';
import { SnapshotAccess } from './snapshot-access.ts';
import { unfinished } from './volume-errors.ts';
import { Volume } from './volume.ts';
import { volumeFile, type VolumeRecord } from './volume-record.ts';
import { typed } from '../../core/typed.ts';

export interface VolumeServiceDeps {
  /** Each volume gets a folder in it. */
  directory: string;
  /** Where restores on this machine are remembered: a file of one that is not complete becomes no volume. */
  stateDirectories?: readonly string[];
  /** Path of the NBD server's Unix socket. */
  nbdSocket: string;
  bucketFor: BucketFor;
  /** How restores fetch and unpack chunks. @default in this thread, without a proxy */
  transfers?: Transfers;
  /** Of all restores' backgrounds together. @default no limit */
  bandwidthBytesPerSec?: number;
  clock?: Clock;
  log?: Log;
}

const volumeIdPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$/;

/** The volumes of this process. Call `start` once before anything else. */
export function makeVolumeService(deps: VolumeServiceDeps): VolumeService {
  return new Volumes(deps);
}

class Volumes implements VolumeService {
  readonly #deps: VolumeServiceDeps;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #snapshots: SnapshotAccess;
  readonly #bandwidth: Bandwidth;
  readonly #scheduledBandwidth: Bandwidth;
  readonly #volumes = new Map<string, Volume>();
  /** Whose record cannot be read. They are shown as failed, and nothing is done to them. */
  readonly #damaged = new Map<string, HoldfastError>();
  /** One at a time, so that two of them cannot take one file by two names. */
  readonly #creating = new Mutex();
  #nbd: NbdServer | undefined;

  constructor(deps: VolumeServiceDeps) {
    this.#deps = deps;
    this.#log = deps.log ?? silentLog;
    this.#clock = deps.clock ?? systemClock;
    this.#snapshots = new SnapshotAccess(deps.bucketFor, deps.transfers);
    this.#bandwidth = new Bandwidth(this.#clock, deps.bandwidthBytesPerSec);
    this.#scheduledBandwidth = new Bandwidth(this.#clock);
  }

  async start(): Promise<void> {
    const { directory, nbdSocket } = this.#deps;
    await mkdir(directory, { recursive: true, mode: 0o700 }).catch((cause: unknown) => {
      throw ioError('make', directory, cause);
    });
    for (const volumeId of (await readdir(directory)).sort()) {
      const record = await this.#recordOf(volumeId);
      if (record === 'damaged') continue;
      // A folder without a record is what a crash leaves of a volume that was being made or removed.
      if (record) this.#volumes.set(volumeId, this.#makeVolume(record));
      else await this.#sweep(volumeId);
    }
    await Promise.all([...this.#volumes.values()].map((volume) => volume.open()));
    this.#nbd = await serveNbd({
      listen: { unix: nbdSocket },
      exports: () => [...this.#volumes].map(([name, { served }]) => ({ name, device: served })),
      log: this.#log,
    });
  }

  /** One damaged file takes no other volume along. It stays as it is; the log names it. */
  async #recordOf(volumeId: string): Promise<VolumeRecord | undefined | 'damaged'> {
    try {
      return await readVersionedFile(join(this.#deps.directory, volumeId, 'volume.json'), volumeFile);
    } catch (thrown) {
      const { code, message } = asHoldfastError(thrown);
      this.#damaged.set(
        volumeId,
        new HoldfastError(code, `volume ${volumeId} cannot be opened: ${message}`, {
          hint: 'put its volume.json back from a backup and restart the agent; the others are served',
        }),
      );
      this.#log('error', 'volume.unreadable', { volumeId, code, message });
      return 'damaged';
    }
  }

  /** A folder without a record goes where it holds nothing but a half-written file; anything else stays, and is told. */
  async #sweep(name: string): Promise<void> {
    const folder = join(this.#deps.directory, name);
    const entries = await readdir(folder).catch(() => undefined);
    if (entries?.every((entry) => entry.endsWith('.tmp'))) return rm(folder, { recursive: true });
    this.#log('warn', 'volume.folder-unknown', { folder, holds: entries?.slice(0, 10).join(' ') });
  }

  async close(): Promise<void> {
    // Requests that wait for S3 end when their engine closes, and with them their connections.
    const volumes = [...this.#volumes.values()].map((volume) => volume.close());
    await Promise.all([...volumes, this.#nbd?.close()]);
    this.#nbd = undefined;
  }

  list(): VolumeInfo[] {
    const damaged = [...this.#damaged].map(([volumeId, { message }]): VolumeInfo => {
      const health = { ok: false, reason: 'io-error', detail: message } as const;
      return { volumeId, path: '', sizeBytes: 0, state: 'failed', health };
    });
    return [...[...this.#volumes.keys()].map((volumeId) => this.get(volumeId)), ...damaged];
  }

  get(volumeId: string): VolumeInfo {
    const info = this.#volume(volumeId).info();
    return this.#nbd ? { ...info, nbdSocket: this.#deps.nbdSocket } : info;
  }

  create: VolumeService['create'] = (p) => this.#creating.run(() => this.#create(p));

  async #create(p: { volumeId: string; path: string; sizeBytes?: number }): Promise<VolumeInfo> {
    checkNewVolume(p);
    if (this.#volumes.has(p.volumeId) || this.#damaged.has(p.volumeId))
      throw new HoldfastError('CONFLICT', `there is a volume ${p.volumeId} already`, {
        hint: `choose another id, or forget that one with \`${typed('holdfast-agent volume delete')}\``,
      });
    if ([...this.#volumes.values()].some((volume) => volume.path === p.path))
      throw new HoldfastError('CONFLICT', `${p.path} is a volume already`, {
        hint: `\`${typed('holdfast-agent volume list')}\` shows which`,
      });
    const record = await makeRecord(p, this.#deps.stateDirectories ?? []);
    const folder = join(this.#deps.directory, p.volumeId);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeVersionedFile(join(folder, 'volume.json'), volumeFile, record);
    await syncDirectory(this.#deps.directory);
    const volume = this.#makeVolume(record);
    await volume.open();
    this.#volumes.set(p.volumeId, volume);
    this.#log('info', 'volume.created', { volumeId: p.volumeId, path: p.path });
    return this.get(p.volumeId);
  }

  async remove(volumeId: string): Promise<void> {
    const volume = this.#volume(volumeId);
    if (await volume.holdsUnfinishedRestore()) throw unfinished(volume.info());
    const closing = volume.close({ forget: true });
    await this.#nbd?.disconnect(volumeId);
    await closing;
    const folder = join(this.#deps.directory, volumeId);
    // The record goes first: a volume without its restore's descriptor must not come back as a healthy one.
    await rm(join(folder, 'volume.json'), { force: true });
    await syncDirectory(folder);
    await rm(folder, { recursive: true, force: true });
    await syncDirectory(this.#deps.directory);
    this.#volumes.delete(volumeId);
    this.#log('info', 'volume.removed', { volumeId });
  }

  check: VolumeService['check'] = (volumeId) => this.#volume(volumeId).check();
  pauseRestore = (volumeId: string) => this.#volume(volumeId).pause();
  resumeRestore = (volumeId: string) => this.#volume(volumeId).resume();
  limitRestore: VolumeService['limitRestore'] = ({ volumeId, bandwidthBytesPerSec }) =>
    this.#volume(volumeId).limit(bandwidthBytesPerSec);
  async scheduleRestores(bytesPerSec: number | undefined): Promise<void> {
    if (this.#scheduledBandwidth.bytesPerSec === bytesPerSec) return;
    this.#scheduledBandwidth.set(bytesPerSec);
    this.#log('info', 'restore.rescheduled', { bytesPerSec });
    // One that was removed meanwhile restores nothing.
    await Promise.allSettled([...this.#volumes.values()].map((volume) => volume.rescheduled()));
  }
  cancelRestore = (volumeId: string) => this.#volume(volumeId).cancel();
  waitRestored: VolumeService['waitRestored'] = (volumeId, signal) =>
    this.#volume(volumeId).waitRestored(signal);
  snapshot: VolumeService['snapshot'] = (p) => this.#volume(p.volumeId).snapshot(p);
  snapshots: VolumeService['snapshots'] = async (volumeId, signal) => {
    this.#volume(volumeId);
    return this.#snapshots.list(volumeId, signal);
  };
  verify: VolumeService['verify'] = async ({ volumeId, ...p }) => this.#volume(volumeId).verify(p);
  restore: VolumeService['restore'] = (p) => this.#volume(p.volumeId).restore(p);

  #makeVolume(record: VolumeRecord): Volume {
    return new Volume(
      {
        directory: join(this.#deps.directory, record.volumeId),
        snapshots: this.#snapshots,
        clock: this.#clock,
        log: this.#log,
        bandwidth: this.#bandwidth,
        scheduledBandwidth: this.#scheduledBandwidth,
        transfers: this.#deps.transfers,
      },
      record,
    );
  }

  #volume(volumeId: string): Volume {
    const volume = this.#volumes.get(volumeId);
    if (volume) return volume;
    const damaged = this.#damaged.get(volumeId);
    if (damaged) throw damaged;
    throw new HoldfastError('NOT_FOUND', `there is no volume ${volumeId}`, {
      hint: `\`${typed('holdfast-agent volume list')}\` shows what there is`,
    });
  }
}

function checkNewVolume(p: { volumeId: string; path: string; sizeBytes?: number }): void {
  if (!volumeIdPattern.test(p.volumeId))
    throw new HoldfastError('INVALID_INPUT', `“${p.volumeId.slice(0, 80)}” cannot be a volume's id`, {
      hint: 'take up to 40 letters, digits, dots, dashes and underscores, a letter or digit first',
    });
  if (!isAbsolute(p.path))
    throw new HoldfastError('INVALID_INPUT', `the path ${p.path} is not absolute`, {
      hint: 'start it with a slash',
    });
  const { sizeBytes } = p;
  if (sizeBytes !== undefined && (!Number.isSafeInteger(sizeBytes) || sizeBytes < volumeBytesMin))
    throw new HoldfastError('INVALID_INPUT', `a volume cannot have ${sizeBytes} bytes`, {
      hint: `at least ${volumeBytesMin}`,
    });
}
