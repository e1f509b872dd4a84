import { randomBytes } from 'node:crypto';
import type { ChildProcess } from 'node:child_process';
import { mkdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AlertView, GatewayView } from '../../core/api.ts';
import { HoldfastError } from '../../core/errors.ts';
import { trailText } from '../alert-commands.ts';
import { bytes } from '../output.ts';
import { killHard, until } from './processes.ts';
import type { Details } from './report.ts';
import { blockHashes, buildImage, fsBlockBytes, type ImageFile, type VolumeImage } from './volume-image.ts';
import type { World } from './world.ts';

export interface StoryOptions {
  /** Restored fraction at which the agent is killed, strictly between 0 and 1. */
  killAt: number;
}
const volumeId = 'vol-a';
const imageBytes = 320 * 1024 * 1024;
const fileBytes = 150 * 1024 * 1024;
/** The restore shall last at least 10 s, whatever the machine. */
const restoreSeconds = 14;

/** The product's main job in seven steps; each throws where it does not hold. */
export class Story {
  readonly #world: World;
  readonly #options: StoryOptions;
  #agents: Record<string, ChildProcess> = {};
  #ids: Record<string, string> = {};
  #image: VolumeImage | undefined;
  #hashes: string[] = [];
  #alert: AlertView | undefined;
  /** Volume offsets that were written during the restore, with what was written. */
  readonly #written = new Map<number, Buffer>();

  constructor(world: World, options: StoryOptions) {
    this.#world = world;
    this.#options = options;
  }

  get steps(): { name: string; run: () => Promise<Details> }[] {
    return [
      { name: 'The control plane boots from its template', run: () => this.boot() },
      { name: 'Two gateways activate, dial out and report', run: () => this.activate() },
      { name: 'A volume is snapshotted to S3, twice', run: () => this.snapshot() },
      { name: 'A command crosses cells', run: () => this.crossCells() },
      { name: 'The volume is lost; its customer’s admin process answers', run: () => this.lose() },
      { name: 'The volume serves while it restores, through a SIGKILL', run: () => this.restore() },
      { name: 'Everything is there, and the alert resolves', run: () => this.verify() },
    ];
  }

  async boot(): Promise<Details> {
    const started = performance.now();
    const args = ['up', '--data-dir', this.#world.dataDir, '--cells', '2', '--port', '0'];
    const cloud = await this.#world.start('cloud', 'holdfast', [
      ...args,
      '--schedule-scale',
      '12',
      '--log',
      'json',
    ]);
    await until('the boot', 60_000, async () => {
      if (cloud.exitCode !== null)
        throw new HoldfastError('STEP_FAILED', `holdfast up ended with ${cloud.exitCode}`, {
          hint: 'see logs/cloud.log',
        });
      await stat(join(this.#world.dataDir, 'client.json'));
      return true;
    });
    await this.#world.holdfast('gateways', 'list');
    return {
      'data directory': this.#world.dataDir,
      cells: 'cell-1, cell-2',
      schedules: 'every minute in the template, 12 times as fast here',
      'ready after': `${((performance.now() - started) / 1000).toFixed(1)} s with synth`,
    };
  }

  async activate(): Promise<Details> {
    const client = await this.#world.holdfastJson<{ gateways: GatewayView[] }>('gateways', 'list');
    if (client.gateways.length) throw new HoldfastError('STEP_FAILED', 'the data directory is not fresh');
    const endpoint = await this.#endpoint();
    const details: Details = {};
    for (const [agent, cell] of [
      ['a', 'cell-1'],
      ['b', 'cell-2'],
    ] as const) {
      const code = await this.#world.holdfast(
        'activation',
        'create',
        '--name',
        `Gateway ${agent.toUpperCase()}`,
      );
      await this.#world.agentCli(agent, ['activate', '--server', endpoint, '--cell', cell], code);
      this.#agents[agent] = await this.#world.startAgent(agent);
    }
    const gateways = await until('status of two gateways', 30_000, async () => {
      const list = (await this.#world.holdfastJson<{ gateways: GatewayView[] }>('gateways', 'list')).gateways;
      return list.length === 2 && list.every((g) => g.connection.state === 'connected' && g.heartbeat)
        ? list
        : undefined;
    });
    for (const gateway of gateways) {
      this.#ids[gateway.name === 'Gateway A' ? 'a' : 'b'] = gateway.gatewayId;
      const memory = gateway.heartbeat?.metrics['system.memory.utilization'];
      const mounts = gateway.heartbeat?.filesystems.map((fs) => fs.mount).join(' ');
      details[gateway.name ?? ''] =
        `${gateway.gatewayId} in ${gateway.connection.cellId}, memory ${Math.round((memory ?? 0) * 100)} %, file systems ${mounts}`;
    }
    const cells = new Set(gateways.map((gateway) => gateway.connection.cellId));
    if (cells.size !== 2) throw new HoldfastError('STEP_FAILED', 'the two gateways are in one cell');
    return details;
  }

  async snapshot(): Promise<Details> {
    const gatewayA = this.#id('a');
    const path = join(this.#world.dir, 'volume-a.img');
    const files = join(this.#world.dir, 'files');
    this.#image = await buildImage(this.#world.processes, files, path, imageBytes, fileBytes);
    await rm(files, { recursive: true });
    await this.#world.send(gatewayA, 'volume.create', { volumeId, path });
    const first = await this.#world.send(gatewayA, 'snapshot.create', { volumeId });
    await this.#changeFiles(this.#image.files.slice(0, 3));
    const second = await this.#world.send(gatewayA, 'snapshot.create', { volumeId });
    this.#hashes = await blockHashes(path);
    const uploaded = [first, second].map((c) => Number(c.outcome?.output?.['uploadedBytes'] ?? NaN));
    if (!((uploaded[1] ?? 0) > 0 && (uploaded[1] ?? 0) * 5 < (uploaded[0] ?? 0)))
      throw new HoldfastError(
        'STEP_FAILED',
        `the second snapshot uploaded ${uploaded[1]} of ${uploaded[0]} bytes`,
      );
    return {
      volume: `${volumeId}, ext4, ${bytes(imageBytes)}, ${bytes(fileBytes)} of this machine’s files`,
      'first snapshot': `${String(first.outcome?.output?.['snapshotId'])}, ${bytes(uploaded[0] ?? 0)} uploaded`,
      'second, incremental': `${String(second.outcome?.output?.['snapshotId'])}, ${bytes(uploaded[1] ?? 0)} uploaded`,
    };
  }

  async crossCells(): Promise<Details> {
    const gateway = await this.#world.gateway(this.#id('a'));
    const other = gateway.connection.cellId === 'cell-1' ? 'cell-2' : 'cell-1';
    const command = await this.#world.send(gateway.gatewayId, 'probe', { echo: 'across' }, ['--via', other]);
    if (command.viaCellId !== other)
      throw new HoldfastError('STEP_FAILED', 'the command did not come through the cell');
    if (command.outcome?.output?.['echo'] !== 'across')
      throw new HoldfastError('STEP_FAILED', 'the result is not the gateway’s answer');
    return {
      'held by': gateway.connection.cellId ?? '',
      'sent through': other,
      result: `${command.state} ${JSON.stringify(command.outcome.output)}`,
    };
  }

  async lose(): Promise<Details> {
    await this.#startAdmin();
    const started = performance.now();
    const since = () => `${((performance.now() - started) / 1000).toFixed(1)} s after the loss`;
    await truncate(this.#imagePath(), 4_096);
    await until('the agent’s own health check', 30_000, async () =>
      (await this.#world.volume('a', volumeId)).state === 'failed' ? true : undefined,
    );
    const noticed = since();
    this.#alert = await until('the alert', 40_000, async () =>
      (await this.#world.alerts()).find(
        (a) => a.conditionId === 'VolumeIrrecoverable' && a.firedAt !== undefined,
      ),
    );
    const raised = since();
    const key = this.#alert.alertKey;
    const command = await until('the admin process’s answer', 40_000, async () =>
      (await this.#world.trail(key)).commands.find(
        (c) => c.kind === 'restore.start' && c.state === 'SUCCEEDED',
      ),
    );
    return {
      'agent noticed': noticed,
      'alert fired': `${raised}: ${this.#alert.summary}`,
      'admin answered': `${since()}: ${command.kind} ${command.commandId}, by ${command.submittedBy.id}`,
    };
  }

  async restore(): Promise<Details> {
    const reads = this.#unchanged().slice(0, 8);
    const writes = this.#unchanged().slice(8, 16);
    let nbd = await this.#world.nbd('a', volumeId);
    for (const file of reads.slice(0, 4)) await expectContent(nbd, file);
    const firstRead = await this.#world.fraction('a', volumeId);
    for (const file of writes.slice(0, 4)) await this.#overwrite(nbd, file);
    await nbd.flush();
    const firstWrite = await this.#world.fraction('a', volumeId);
    const killedAt = await this.#world.untilFraction('a', volumeId, this.#options.killAt, 120_000);
    const agent = this.#agents['a'];
    if (!agent) throw new HoldfastError('STEP_FAILED', 'agent a is not running');
    await killHard(agent);
    nbd.close();
    this.#agents['a'] = await this.#world.startAgent('a');
    nbd = await until('the volume after the restart', 20_000, () => this.#world.nbd('a', volumeId));
    const restartedAt = await this.#world.fraction('a', volumeId);
    for (const file of reads.slice(4)) await expectContent(nbd, file);
    for (const file of writes.slice(4)) await this.#overwrite(nbd, file);
    await nbd.flush();
    nbd.close();
    const fractions = {
      'first read at': firstRead,
      'first write at': firstWrite,
      'killed at': killedAt,
      'restarted at': restartedAt,
    };
    for (const [name, fraction] of Object.entries(fractions))
      if (!(fraction > 0 && fraction < 1))
        throw new HoldfastError('STEP_FAILED', `${name} ${fraction}: not while the restore ran`);
    return { ...fractions, 'files read': reads.length, 'files written': writes.length };
  }

  async verify(): Promise<Details> {
    await until('the end of the restore', 90_000, async () =>
      (await this.#world.volume('a', volumeId)).state === 'healthy' ? true : undefined,
    );
    const path = this.#imagePath();
    await this.#world.processes.must('e2fsck', ['-fn', path]);
    const now = await blockHashes(path);
    const wrong = now.filter(
      (hash, i) => hash !== this.#hashes[i] && !this.#written.has(i * fsBlockBytes),
    ).length;
    if (wrong || now.length !== this.#hashes.length)
      throw new HoldfastError('STEP_FAILED', `${wrong} blocks differ from the snapshot`);
    const nbd = await this.#world.nbd('a', volumeId);
    for (const [offset, data] of this.#written)
      if (!(await nbd.read(offset, data.length)).equals(data))
        throw new HoldfastError('STEP_FAILED', `the write at ${offset} is lost`);
    nbd.close();
    const key = this.#alert?.alertKey ?? '';
    const trail = await until('the alert’s end', 40_000, async () => {
      const found = await this.#world.trail(key);
      return found.alert.state === 'RESOLVED' ? found : undefined;
    });
    return {
      e2fsck: 'clean',
      'blocks as in snapshot': now.length - this.#written.size,
      'blocks written since': this.#written.size,
      trail: trailText(trail).split('\n'),
    };
  }

  async #startAdmin(): Promise<void> {
    const token = join(this.#world.dir, 'admin.token');
    const stateDir = join(this.#world.dir, 'admin');
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
    await this.#world.holdfast('admin', 'token', 'create', '--role', 'tenant-admin', '--out', token);
    const playbook = join(this.#world.dir, 'playbook.json');
    const bandwidthBytesPerSec = Math.round(imageBytes / restoreSeconds);
    await writeFile(playbook, JSON.stringify(playbookFor(bandwidthBytesPerSec), null, 2));
    const subscribed = await this.#world.holdfastJson<{ queueUrl: string }>(
      'admin',
      'subscribe',
      '--queue-name',
      'holdfast-alerts-demo',
    );
    const args = [
      'admin',
      'run',
      '--queue',
      subscribed.queueUrl,
      '--playbook',
      playbook,
      '--token-file',
      token,
    ];
    await this.#world.start('admin', 'holdfast', [...args, '--state-dir', stateDir, '--log', 'json']);
    await until('the subscription', 30_000, async () => {
      const list = await this.#world.holdfastJson<{ subscriptions: { state: string }[] }>(
        'admin',
        'subscription',
        'list',
      );
      return list.subscriptions.some((s) => s.state === 'confirmed') ? true : undefined;
    });
  }

  /** Changes files in place, through the volume's own block server, as a mounted file system would. */
  async #changeFiles(files: ImageFile[]): Promise<void> {
    const nbd = await this.#world.nbd('a', volumeId);
    for (const file of files)
      for (const offset of file.offsetsBytes.slice(0, 64)) await nbd.write(offset, randomBytes(fsBlockBytes));
    await nbd.flush();
    nbd.close();
  }

  async #overwrite(nbd: Awaited<ReturnType<World['nbd']>>, file: ImageFile): Promise<void> {
    for (const offset of file.offsetsBytes.slice(0, 4)) {
      const data = randomBytes(fsBlockBytes);
      await nbd.write(offset, data);
      this.#written.set(offset, data);
    }
  }

  /** Files that nobody changed before the second snapshot, from all over the volume. */
  #unchanged(): ImageFile[] {
    const files = this.#image?.files.slice(3) ?? [];
    return files.filter((_, i) => i % 2 === 0).concat(files.filter((_, i) => i % 2 === 1));
  }
  #imagePath(): string {
    return this.#image?.path ?? '';
  }
  #id(agent: string): string {
    const id = this.#ids[agent];
    if (!id) throw new HoldfastError('STEP_FAILED', `gateway ${agent} has no id`);
    return id;
  }
  async #endpoint(): Promise<string> {
    const { readFile } = await import('node:fs/promises');
    const client = JSON.parse(await readFile(join(this.#world.dataDir, 'client.json'), 'utf8')) as {
      endpoint: string;
    };
    return client.endpoint;
  }
}

async function expectContent(nbd: Awaited<ReturnType<World['nbd']>>, file: ImageFile): Promise<void> {
  for (const [i, offset] of file.offsetsBytes.slice(0, 16).entries()) {
    const expected = file.content.subarray(i * fsBlockBytes, (i + 1) * fsBlockBytes);
    const read = await nbd.read(offset, fsBlockBytes);
    if (!read.subarray(0, expected.length).equals(expected))
      throw new HoldfastError('STEP_FAILED', `file ${file.name} does not read as it was (block ${i})`);
  }
}

/** What the customer's admin process shall do about a lost volume, slowly enough to be watched. */
const playbookFor = (bandwidthBytesPerSec: number) => ({
  version: 1,
  plays: [
    {
      condition: 'VolumeIrrecoverable',
      command: { kind: 'restore.start', params: { volumeId: '$component', bandwidthBytesPerSec } },
    },
  ],
});
