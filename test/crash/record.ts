import { mkdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { restoreFolder } from '../../agent/restore/standalone-restore.ts';
import { openBucket } from '../../agent/s3/s3-bucket.ts';
import { Contents } from '../simulation/disk/contents.ts';
import { Model } from '../simulation/disk/model.ts';
import { Random } from '../simulation/disk/random.ts';
import { sectorBytes } from '../simulation/disk/sim-disk.ts';
import type { TestS3 } from '../support/s3.ts';
import { inputOf, snapshotOf } from '../support/snapshots.ts';
import { Guest, type GuestRequest } from './guest.ts';
import { recordingOf, type RecordedEvent } from './recording.ts';
import { startRestore, type RestoreProcess } from './restore-process.ts';
import { readSystemCalls } from './strace-calls.ts';
import { drawVolume, writeGarbage, type TestVolume } from './volume.ts';

/** One life of the restoring process, from its start to its end. */
export interface RecordedLife {
  events: RecordedEvent[];
  /** What the guest asked for, by cookie. */
  requests: Map<number, GuestRequest>;
  /** What was really there afterwards. */
  after: { target: Buffer; descriptor: string | undefined };
  ending: Ending;
}

export interface RecordedRun {
  contents: Contents;
  volume: TestVolume;
  lives: RecordedLife[];
}

type Ending = 'kill' | 'term' | 'restored';
const requestsMax = 90;

/** Restores a volume with the real process under a random guest, in one life or in several. */
export async function recordRun(s3: TestS3, dir: string, seed: number): Promise<RecordedRun> {
  const random = new Random(seed);
  const contents = new Contents();
  const chunkBytes = random.pick([4096, 8192, 8192, 16384]);
  const volume = drawVolume(random, contents, { chunkBytes, chunksMin: 12, chunksMax: 48 });
  const bucket = openBucket({ client: s3.client, bucket: s3.bucket, prefix: `${seed}/` });
  const source = inputOf(volume.snapshotBytes);
  const { snapshotId } = await snapshotOf(bucket, volume.snapshotBytes, { source, chunkBytes });
  const root = await realpath(dir);
  const target = join(root, 'target.img');
  await writeGarbage(target, volume);
  const guest = new Guest({
    model: new Model(volume.original),
    contents,
    random,
    sectorsPerBlock: chunkBytes / sectorBytes,
    requestsInFlightMax: 1 + random.below(6),
  });
  const place = { root, target, url: `s3://${s3.bucket}/${seed}/${snapshotId}`, endpoint: s3.endpoint };
  const lives: RecordedLife[] = [];
  const endings = drawEndings(random);
  for (const [at, ending] of endings.entries()) {
    const flags = ['--arity', String(volume.arity)];
    if (ending !== 'restored' && random.chance(0.7)) flags.push('--no-background');
    lives.push(await recordLife(place, guest, { ending, flags, at, random }));
    guest.model.kill();
  }
  return { contents, volume, lives };
}

/** At most the last life goes on to the end. */
function drawEndings(random: Random): Ending[] {
  const lives = Array.from({ length: random.below(4) }, () => random.pick(['kill', 'kill', 'term'] as const));
  return [...lives, random.pick(['kill', 'restored', 'restored'] as const)];
}

async function recordLife(
  place: { root: string; target: string; url: string; endpoint: string },
  guest: Guest,
  p: { ending: Ending; flags: string[]; at: number; random: Random },
): Promise<RecordedLife> {
  const { root, target } = place;
  const state = join(root, 'state');
  const folder = restoreFolder(state, target);
  await mkdir(folder, { recursive: true });
  const trace = join(root, `trace-${p.at}`);
  const socket = join(root, 'nbd.sock');
  const restore = startRestore({ ...place, state, socket, flags: p.flags, trace });
  try {
    await live(restore, guest, p);
  } catch (thrown) {
    restore.kill('SIGKILL');
    await restore.exit;
    throw thrown;
  }
  const { code, stderr } = await restore.exit;
  if (p.ending !== 'kill' && code !== 0) throw new Error(`the restore ended with ${code}: ${stderr}`);
  const descriptor = join(folder, 'restore.json');
  const calls = readSystemCalls(await readFile(trace, 'latin1'));
  return {
    events: recordingOf(calls, { target, descriptor, folder }),
    requests: guest.requests,
    after: {
      target: await readFile(target),
      descriptor: await readFile(descriptor, 'utf8').catch(() => undefined),
    },
    ending: p.ending,
  };
}

async function live(
  restore: RestoreProcess,
  guest: Guest,
  { ending, random }: { ending: Ending; random: Random },
): Promise<void> {
  if (!(await restore.event('open'))) return;
  const connection = await restore.connect();
  const last = 1 + random.below(requestsMax);
  const stop = new AbortController();
  guest.onReply = (count) => {
    if (count !== last) return;
    if (ending === 'kill') restore.kill('SIGKILL');
    else stop.abort();
  };
  await guest.drive(connection, stop.signal);
  if (ending === 'restored') await restore.event('restored');
  connection.socket.destroy();
  if (ending !== 'kill') restore.kill('SIGTERM');
}
