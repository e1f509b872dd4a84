import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { parse } from 'yaml';
import { setTimeout as delay } from 'node:timers/promises';
import { CaseBook } from '../../admin/case-book.ts';
import { playbookSchema, type Playbook } from '../../admin/playbook-schema.ts';
import { sqsQueue } from '../../admin/queue.ts';
import { runAdmin } from '../../admin/run-admin.ts';
import { hostStartsFileName, type HostStarts } from '../../agent/status/host-starts.ts';
import { adminApi } from '../../cli/admin-connection.ts';
import { until } from '../../cli/demo/processes.ts';
import { temporaryDirectory } from '../agent/temporary-directory.ts';
import { clientOutput, missingClients } from '../support/clients.ts';
import { startLocalCloud, type TestCloud } from '../support/local-cloud.ts';
import { localTables, type LocalTables } from '../support/local-tables.ts';
import { operatorApi } from '../support/operator-api.ts';
import { Site, waitMs } from './conditions/site.ts';
import { Watch } from './conditions/watch.ts';

/**
 * Conditions that are really caused on this machine: a real agent reports what it finds there, the real control plane
 * keeps it, the real tick judges it (only its clock is put forward), and the real admin process answers with the
 * playbook that comes with Holdfast. In the order of the file: one agent goes through all of it.
 */
let cloud: TestCloud;
let tables: LocalTables;
let sqs: SQSClient;
let site: Site;
let watch: Watch;
const dir = temporaryDirectory();
const stopping = new AbortController();
const seen: { event: string; conditionId: unknown; reason: unknown }[] = [];
let admin: Promise<unknown>;
const volume = { component: 'vol1' };
const volumeBytes = 8 * 1024 * 1024;

beforeAll(async () => {
  // The schedules would judge by another clock.
  cloud = await startLocalCloud({
    cells: ['cell-1'],
    scheduleScale: 0.001,
    context: { heartbeatIntervalMs: 2_000, reconnectWindowMs: 500 },
  });
  tables = localTables(cloud);
  const { region, rootCredentials: credentials } = cloud;
  const endpoint = cloud.endpoints['holdfast-home']!;
  sqs = new SQSClient({ endpoint, region, credentials });
  const made = await sqs.send(new CreateQueueCommand({ QueueName: 'holdfast-alerts-conditions' }));
  const queueUrl = new URL(new URL(made.QueueUrl ?? '').pathname, endpoint).href;
  watch = new Watch(tables, { sqs, queueUrl });
  site = await Site.make(cloud, dir, volumeBytes);
  await site.startAgent();
  await site.send('volume.create', { volumeId: 'vol1', path: site.image });
  await site.send('snapshot.create', { volumeId: 'vol1' });
  for (const conditionId of ['RestoreStalled', 'UploadStalled'])
    await operatorApi(cloud).call('putCondition', {
      params: { conditionId },
      body: { raiseAt: 3_000, clearAt: 2_000 },
    });
  admin = startAdmin(queueUrl);
}, 180_000);
afterAll(async () => {
  stopping.abort(new Error('the test is over'));
  await admin;
  await site?.close();
  sqs?.destroy();
  tables?.close();
  await cloud?.stop();
}, 60_000);

/** The shipped playbook; a restore is slow enough to be caught, and nothing waits for long. */
function playbook(): Playbook {
  const shipped = parse(readFileSync('admin/playbooks/default.yaml', 'utf8')) as {
    plays: { condition: string; command: { params?: object }; cooldown?: string }[];
  };
  for (const play of shipped.plays) {
    play.cooldown = '0s';
    if (play.condition === 'VolumeIrrecoverable')
      play.command.params = { ...play.command.params, bandwidthBytesPerSec: 400_000 };
  }
  return playbookSchema.parse(shipped);
}

async function startAdmin(queueUrl: string): Promise<unknown> {
  return runAdmin(
    {
      api: adminApi(operatorApi(cloud)),
      queue: sqsQueue(sqs, queueUrl, { waitSec: 1 }),
      book: await CaseBook.open(join(dir, 'admin')),
      playbook: playbook(),
      now: Date.now,
      sleep: (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined),
      log: (_level, event, { conditionId, reason } = {}) => seen.push({ event, conditionId, reason }),
      pollMs: { command: 200, alert: 200, retry: 500 },
    },
    stopping.signal,
  );
}
const answered = (event: string, conditionId: string) =>
  until(`${event} of ${conditionId}`, waitMs, async () =>
    seen.find((line) => line.event === event && line.conditionId === conditionId),
  );

it('UploadBufferHigh: the data path says that its buffer is nearly full', async () => {
  site.measure('gateway_upload_buffer_utilization', 0.95);
  await watch.fires('UploadBufferHigh', site);
  site.measure('gateway_upload_buffer_utilization', 0.2);
  await watch.resolves('UploadBufferHigh', site);
}, 120_000);

/** Only root may mount a small file system. */
const itAsRoot = process.getuid?.() === 0 && missingClients(['mke2fs']).length === 0 ? it : it.skip;

itAsRoot(
  'FsFull: a file system is filled, and evidence is collected',
  async () => {
    const [mount, disk] = [join(dir, 'mnt'), join(dir, 'disk.img')];
    mkdirSync(mount);
    writeFileSync(disk, '');
    truncateSync(disk, 16 * 1024 * 1024);
    await clientOutput('mke2fs', ['-q', '-F', '-m', '0', disk]);
    execFileSync('mount', ['-o', 'loop', disk, mount]);
    try {
      const { bavail, bsize } = statfsSync(mount);
      writeFileSync(join(mount, 'much'), Buffer.alloc(Math.floor(bavail * bsize * 0.97)));
      await watch.fires('FsFull', { ...site, component: mount });
      expect(await answered('admin.escalated', 'FsFull')).toMatchObject({
        reason: expect.stringContaining('diagnostics.collect succeeded'),
      });
      rmSync(join(mount, 'much'));
      await watch.resolves('FsFull', { ...site, component: mount });
    } finally {
      execFileSync('umount', ['-l', mount]);
    }
  },
  120_000,
);

it('VolumeIrrecoverable and RestoreStalled: a volume is cut, restored, and S3 hangs meanwhile', async () => {
  truncateSync(site.image, 4_096);
  await watch.fires('VolumeIrrecoverable', { ...site, ...volume });
  await until('the restore', waitMs, async () => ((await fractionRestored()) ?? 0) > 0 || undefined);
  site.hangS3();
  await watch.fires('RestoreStalled', { ...site, ...volume });
  await answered('admin.submitted', 'RestoreStalled');
  site.answerS3();
  await watch.resolves('RestoreStalled', { ...site, ...volume });
  await answered('admin.confirmed', 'RestoreStalled');
  await site.send('restore.limit', { volumeId: 'vol1' });
  await watch.resolves('VolumeIrrecoverable', { ...site, ...volume });
  await answered('admin.confirmed', 'VolumeIrrecoverable');
}, 120_000);

async function fractionRestored(): Promise<number | undefined> {
  const params = { gatewayId: site.gatewayId };
  const { gateway } = await operatorApi(cloud).call('getGateway', { params });
  return gateway.heartbeat?.volumes[0]?.restore?.fraction;
}

it('UploadStalled: S3 hangs in the middle of a snapshot', async () => {
  site.hangS3();
  const commandId = await site.submit('snapshot.create', { volumeId: 'vol1' });
  await watch.fires('UploadStalled', { ...site, ...volume });
  site.answerS3();
  expect((await site.ended(commandId)).state).toBe('SUCCEEDED');
  await watch.resolves('UploadStalled', { ...site, ...volume });
}, 120_000);

it('ConnectionFlapping: the uplink is cut again and again', async () => {
  for (let cuts = 0; cuts < 6; cuts++) {
    const before = await connectedSince();
    site.uplink.cut('rst');
    // The old connection's route may stand for a while yet.
    await until('another connection', waitMs, async () => {
      const since = await connectedSince();
      return (since !== undefined && since !== before) || undefined;
    });
  }
  await watch.fires('ConnectionFlapping', site);
  watch.pass(60 * 60_000);
  await watch.resolves('ConnectionFlapping', site);
}, 120_000);

async function connectedSince(): Promise<number | undefined> {
  const params = { gatewayId: site.gatewayId };
  const { gateway } = await operatorApi(cloud).call('getGateway', { params });
  return gateway.connection.state === 'connected' ? gateway.connection.since : undefined;
}

it('GatewayCloned: another host comes with a copy of the key, and the key is replaced', async () => {
  const copy = join(dir, 'copy');
  mkdirSync(copy, { mode: 0o700 });
  for (const name of ['identity.json', 'key.json']) cpSync(join(dir, 's', name), join(copy, name));
  const clone = site.agentIn(copy);
  await clone.until('link.up', {}, waitMs);
  await site.stopAgent();
  await site.startAgent();
  await watch.fires('GatewayCloned', site);
  await clone.kill('SIGKILL');
  await site.send('key.rotate');
  await watch.resolves('GatewayCloned', site);
}, 120_000);

it('Offline: the agent is killed, and started again', async () => {
  await site.stopAgent('SIGKILL');
  await watch.fires('Offline', site);
  await site.startAgent();
  await watch.resolves('Offline', site);
}, 120_000);

it('ClockSkew: the host’s clock is a minute and a half ahead', async () => {
  await site.stopAgent();
  await site.startAgent(90_000);
  await watch.fires('ClockSkew', site);
  await site.stopAgent();
  await site.startAgent();
  await watch.resolves('ClockSkew', site);
}, 120_000);

it('RestartLoop: the agent was started again and again, and evidence is collected', async () => {
  await watch.fires('RestartLoop', site);
  expect(await answered('admin.escalated', 'RestartLoop')).toMatchObject({
    reason: expect.stringContaining('diagnostics.collect succeeded'),
  });
  await site.stopAgent();
  // An hour passes on the host.
  const path = join(dir, 's', hostStartsFileName);
  const starts = JSON.parse(readFileSync(path, 'utf8')) as HostStarts;
  const agentStarts = starts.agentStarts.map((at) => at - 3_600_000);
  writeFileSync(path, JSON.stringify({ ...starts, agentStarts }));
  await site.startAgent();
  await watch.resolves('RestartLoop', site);
}, 120_000);

it('SnapshotOld: nobody took a snapshot of a volume in its first day, and the admin process does', async () => {
  const path = join(dir, 'vol2.img');
  writeFileSync(path, randomBytes(1024 * 1024));
  await site.send('volume.create', { volumeId: 'vol2', path });
  watch.pass(27 * 3_600_000);
  await watch.fires('SnapshotOld', { ...site, component: 'vol2' });
  await watch.resolves('SnapshotOld', { ...site, component: 'vol2' });
  await answered('admin.confirmed', 'SnapshotOld');
}, 120_000);
