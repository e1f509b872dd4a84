import { watch } from 'node:fs';
import { mkdir, readFile, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { decodeDescriptor } from '../../core/restore/descriptor.ts';
import { restoreFolder } from '../../agent/restore/standalone-restore.ts';
import { openBucket } from '../../agent/s3/s3-bucket.ts';
import { ClosedForm } from '../simulation/disk/closed-form.ts';
import { Contents } from '../simulation/disk/contents.ts';
import { Model } from '../simulation/disk/model.ts';
import type { Random } from '../simulation/disk/random.ts';
import { sectorBytes, SimDisk } from '../simulation/disk/sim-disk.ts';
import { SimDescriptorFile } from '../simulation/disk/sim-store.ts';
import type { TestS3 } from '../support/s3.ts';
import { inputOf, snapshotOf } from '../support/snapshots.ts';
import { Guest, sectorsOf } from './guest.ts';
import { judge } from './recover.ts';
import { startRestore, type RestoreProcess } from './restore-process.ts';
import { drawVolume, writeGarbage, type TestVolume } from './volume.ts';

export interface KillCounts {
  kills: number;
  /** How far the descriptor says that a killed restore was. */
  killsBeforeServing: number;
  killsWhileRestoring: number;
  killsWhenRestored: number;
  /** Restores that came to their end, each with the whole image compared. */
  restores: number;
  reads: number;
  writes: number;
  trims: number;
  flushes: number;
}

interface KillRunParams {
  s3: TestS3;
  root: string;
  url: string;
  random: Random;
  volume: TestVolume;
  contents: Contents;
}

const chunkBytes = 16 * 1024;

/** One volume, restored by the real process, which is killed again and again under a guest that goes on. */
export class KillRun {
  readonly guest: Guest;
  readonly #p: KillRunParams;
  readonly #target: string;
  readonly #folder: string;
  readonly #closedForm = new ClosedForm();
  #hasLived = false;

  private constructor(p: KillRunParams) {
    this.#p = p;
    this.#target = join(p.root, 'target.img');
    this.#folder = restoreFolder(join(p.root, 'state'), this.#target);
    this.guest = new Guest({
      model: new Model(p.volume.original),
      contents: p.contents,
      random: p.random,
      sectorsPerBlock: chunkBytes / sectorBytes,
      requestsInFlightMax: 1 + p.random.below(8),
    });
  }

  static async prepare(s3: TestS3, dir: string, random: Random): Promise<KillRun> {
    const contents = new Contents();
    const volume = drawVolume(random, contents, { chunkBytes, chunksMin: 150, chunksMax: 500 });
    const prefix = `${basename(dir)}/`;
    const bucket = openBucket({ client: s3.client, bucket: s3.bucket, prefix });
    const source = inputOf(volume.snapshotBytes);
    const { snapshotId } = await snapshotOf(bucket, volume.snapshotBytes, { source, chunkBytes });
    await mkdir(dir);
    const root = await realpath(dir);
    const url = `s3://${s3.bucket}/${prefix}${snapshotId}`;
    const run = new KillRun({ s3, root, url, random, volume, contents });
    await mkdir(run.#folder, { recursive: true });
    await writeGarbage(run.#target, volume);
    return run;
  }

  /**
   * Starts the restore and kills it at a random moment. What it left is judged sector by sector. Resolves with whether
   * everything was restored by then.
   */
  async live(counts: KillCounts): Promise<boolean> {
    const { random } = this.#p;
    const flags = random.pick([['--no-background'], ['--bandwidth', '1MiB'], ['--bandwidth', '1MiB'], []]);
    const restore = this.#start(flags);
    const forget = this.#killAtSomeWrite(restore);
    try {
      const lastReply = 1 + random.below(300);
      this.guest.onReply = (count) => count === lastReply && restore.kill('SIGKILL');
      await this.#serve(restore);
      const { signal, code, stderr } = await restore.exit;
      if (signal !== 'SIGKILL') throw new Error(`the restore ended by itself with ${code}: ${stderr}`);
    } finally {
      forget();
      restore.kill('SIGKILL');
      await restore.exit;
    }
    counts.kills++;
    this.guest.model.kill();
    return this.#judge(counts);
  }

  /** Lets the restore come to its end while the guest goes on, and compares the file. */
  async complete(counts: KillCounts): Promise<void> {
    const restore = this.#start([]);
    try {
      this.guest.onReply = () => undefined;
      await this.#serve(restore, (stop) => {
        void restore.event('restored').then(() => stop.abort());
      });
      restore.kill('SIGTERM');
      const { code, stderr } = await restore.exit;
      if (code !== 0) throw new Error(`the restore ended with ${code}: ${stderr}`);
    } finally {
      restore.kill('SIGKILL');
      await restore.exit;
    }
    const wrong = judge(this.guest.model, await readFile(this.#target));
    if (wrong) throw new Error(`at the end ${wrong}`);
    counts.restores++;
  }

  #start(flags: string[]): RestoreProcess {
    const { s3, root, url, volume } = this.#p;
    return startRestore({
      url,
      endpoint: s3.endpoint,
      target: this.#target,
      state: join(root, 'state'),
      socket: join(root, 'nbd.sock'),
      flags: ['--arity', String(volume.arity), ...flags],
    });
  }

  async #serve(restore: RestoreProcess, onOpen?: (stop: AbortController) => void): Promise<void> {
    if (!(await restore.event('open'))) return;
    const stop = new AbortController();
    onOpen?.(stop);
    const connection = await restore.connect().catch(() => undefined);
    if (!connection) return;
    await this.guest.drive(connection, stop.signal);
    connection.socket.destroy();
  }

  /** At any of its first changes of the descriptor, or of the target; the guest's last reply may come before. */
  #killAtSomeWrite(restore: RestoreProcess): () => void {
    const { random } = this.#p;
    if (random.chance(0.4)) return () => undefined;
    const ofDescriptor = random.chance(0.5);
    const changesMax = ofDescriptor ? 10 : 400;
    // A restore begins once: its first changes are worth a look of their own.
    let left = 1 + random.below(this.#hasLived ? changesMax : 8);
    this.#hasLived = true;
    const folder = ofDescriptor ? this.#folder : this.#p.root;
    const prefix = ofDescriptor ? 'restore.json' : 'target.img';
    const watcher = watch(folder, (_, name) => {
      if (name?.startsWith(prefix) && --left === 0) restore.kill('SIGKILL');
    });
    return () => watcher.close();
  }

  /** The file and the descriptor as the kill left them: no sector may say anything that the guest may not find. */
  async #judge(counts: KillCounts): Promise<boolean> {
    const { contents, volume } = this.#p;
    const file = new SimDescriptorFile();
    file.durable = await readFile(join(this.#folder, 'restore.json'), 'utf8').catch(() => undefined);
    const phase = file.durable && decodeDescriptor(file.durable, 'the descriptor').moving.phase;
    if (phase === 'restored') counts.killsWhenRestored++;
    else if (phase === 'restoring') counts.killsWhileRestoring++;
    else counts.killsBeforeServing++;
    const sectors = sectorsOf(await readFile(this.#target)).map((bytes) => contents.same(bytes));
    const disk = new SimDisk(contents, sectors);
    this.#closedForm.check({ disk, file, model: this.guest.model, original: volume.original }, 'kill');
    return phase === 'restored';
  }
}
