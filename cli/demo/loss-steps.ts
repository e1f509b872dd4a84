import { randomBytes } from 'node:crypto';
import { mkdir, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { trailText } from '../alert-commands.ts';
import type { NbdClient } from './nbd-client.ts';
import { killHard, until } from './processes.ts';
import type { Details } from './report.ts';
import { broken, changedFiles, expectContent, fileBytes, image, volumeId, type Scene } from './scene.ts';
import { blockHashes, fsBlockBytes, type ImageFile } from './volume-image.ts';

/**
 * The restore is held to a bandwidth at which its data alone takes this long (holes cost nothing, and the clock starts only
 * when the answer was seen), and must have taken the least.
 */
const restoreSec = 14;
const restoreSecMin = 10;

export async function lose(scene: Scene): Promise<Details> {
  const { world } = scene;
  await startAdmin(scene);
  const started = performance.now();
  const since = () => `${((performance.now() - started) / 1000).toFixed(1)} s after the loss`;
  await truncate(image(scene).path, 4_096);
  const alert = await until('the alert', 60_000, async () =>
    (await world.alerts()).find((a) => a.conditionId === 'VolumeIrrecoverable' && a.firedAt !== undefined),
  );
  scene.alert = alert;
  const raised = since();
  const command = await until('the admin process’s answer', 60_000, async () =>
    (await world.trail(alert.alertKey)).commands.find(
      (c) => c.kind === 'restore.start' && c.state === 'SUCCEEDED',
    ),
  );
  scene.restoreStartedMs = performance.now();
  return {
    'backing file': 'truncated to 4 KiB',
    'alert fired': `${raised}: ${alert.summary}`,
    'admin answered': `${since()}: ${command.kind}, by ${command.submittedBy.id}`,
  };
}

async function startAdmin({ world }: Scene): Promise<void> {
  const token = join(world.dir, 'admin.token');
  const playbook = join(world.dir, 'playbook.json');
  const stateDir = join(world.dir, 'admin');
  await mkdir(stateDir, { mode: 0o700 });
  await world.holdfast('admin', 'token', 'create', '--role', 'tenant-admin', '--out', token);
  await writeFile(playbook, JSON.stringify(playbookFor(Math.round(fileBytes / restoreSec)), null, 2));
  const queue = ['--queue-name', 'holdfast-alerts-demo'];
  const { queueUrl } = await world.holdfastJson<{ queueUrl: string }>('admin', 'subscribe', ...queue);
  const args = ['admin', 'run', '--queue', queueUrl, '--playbook', playbook, '--token-file', token];
  await world.start('admin', 'holdfast', [...args, '--state-dir', stateDir, '--log', 'json']);
  await until('the subscription', 30_000, async () => {
    type List = { subscriptions: { state: string }[] };
    const { subscriptions } = await world.holdfastJson<List>('admin', 'subscription', 'list');
    return subscriptions.some((s) => s.state === 'confirmed') ? true : undefined;
  });
}

/** What the customer's admin process shall do about a lost volume: restore it, slowly enough to be watched. */
const playbookFor = (bandwidthBytesPerSec: number) => ({
  version: 1,
  plays: [
    {
      condition: 'VolumeIrrecoverable',
      command: { kind: 'restore.start', params: { volumeId: '$component', bandwidthBytesPerSec } },
    },
  ],
});

export async function restore(scene: Scene): Promise<Details> {
  const { world } = scene;
  // From the far end: what the background reaches last is what the guest asks for first.
  const files = image(scene).files.slice(changedFiles).toReversed();
  const readable = files.filter((_, i) => i % 2 === 0).slice(0, 8);
  const writable = files.filter((_, i) => i % 2 === 1).slice(0, 8);
  let nbd = await world.nbd('a', volumeId);
  const look = () => world.fraction('a', volumeId);
  const firstRead = await firstOf(nbd.read(readable[0]!.offsetsBytes[0]!, fsBlockBytes), look);
  for (const file of readable.slice(0, 4)) await expectContent(nbd, file);
  const firstWrite = await overwrite(scene, nbd, writable.slice(0, 4), look);
  const killedAt = await world.untilFraction('a', volumeId, scene.killAt, 120_000);
  const agent = scene.agents['a'];
  if (!agent) throw broken('agent a is not running');
  await killHard(agent);
  nbd.close();
  scene.agents['a'] = await world.startAgent('a');
  nbd = await until('the volume after the restart', 20_000, () => world.nbd('a', volumeId));
  const restartedAt = await world.untilFraction('a', volumeId, 0, 20_000);
  for (const file of readable.slice(4)) await expectContent(nbd, file);
  await overwrite(scene, nbd, writable.slice(4), look);
  nbd.close();
  const fractions = { firstRead, firstWrite, killedAt, restartedAt };
  for (const [name, fraction] of Object.entries(fractions))
    if (!(fraction > 0 && fraction < 1)) throw broken(`${name} ${fraction}: not while the restore ran`);
  const rounded = Object.entries(fractions).map(([name, fraction]) => [name, Number(fraction.toFixed(4))]);
  return {
    ...Object.fromEntries(rounded),
    'files read': readable.length,
    'blocks written': scene.written.size,
  };
}

/** The restored fraction right after a request was answered; zero is looked at again until the first block counts. */
async function firstOf(request: Promise<unknown>, look: () => Promise<number>): Promise<number> {
  await request;
  return until('a restored block', 20_000, async () => (await look()) || undefined, 5);
}

/** Resolves with the restored fraction after the first acknowledged write. */
async function overwrite(
  scene: Scene,
  nbd: NbdClient,
  files: ImageFile[],
  look: () => Promise<number>,
): Promise<number> {
  let first: number | undefined;
  for (const file of files)
    for (const offset of file.offsetsBytes.slice(0, 4)) {
      const data = randomBytes(fsBlockBytes);
      await nbd.write(offset, data);
      scene.written.set(offset, data);
      first ??= await look();
    }
  await nbd.flush();
  return first ?? 0;
}

export async function verify(scene: Scene): Promise<Details> {
  const { world } = scene;
  await until('the end of the restore', 90_000, async () =>
    (await world.volume('a', volumeId)).state === 'healthy' ? true : undefined,
  );
  const tookSec = (performance.now() - (scene.restoreStartedMs ?? 0)) / 1000;
  if (tookSec < restoreSecMin)
    throw broken(`the restore took ${tookSec.toFixed(1)} s: too fast to be watched`);
  const { path } = image(scene);
  await world.processes.must('e2fsck', ['-fn', path]);
  const now = await blockHashes(path);
  const wrong = now.filter(
    (hash, i) => hash !== scene.hashes[i] && !scene.written.has(i * fsBlockBytes),
  ).length;
  if (wrong || now.length !== scene.hashes.length) throw broken(`${wrong} blocks differ from the snapshot`);
  const nbd = await world.nbd('a', volumeId);
  for (const [offset, data] of scene.written)
    if (!(await nbd.read(offset, data.length)).equals(data)) throw broken(`the write at ${offset} is lost`);
  nbd.close();
  const trail = await until('the alert’s end', 60_000, async () => {
    const found = await world.trail(scene.alert?.alertKey ?? '');
    return found.alert.state === 'RESOLVED' ? found : undefined;
  });
  return {
    'restored in': `${tookSec.toFixed(1)} s`,
    e2fsck: 'clean',
    'blocks as in snapshot': now.length - scene.written.size,
    'blocks written since': scene.written.size,
    trail: trailText(trail).split('\n'),
  };
}
