import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RestoreEngine } from '../../../agent/restore/restore-engine.ts';
import { restoreFolder } from '../../../agent/restore/standalone-restore.ts';
import type { TargetDisk } from '../../../agent/restore/target-disk.ts';
import { openBucket } from '../../../agent/s3/s3-bucket.ts';
import { decodeDescriptor } from '../../../core/restore/descriptor.ts';
import { Contents } from '../../simulation/disk/contents.ts';
import { Random } from '../../simulation/disk/random.ts';
import { sectorBytes, SimDisk } from '../../simulation/disk/sim-disk.ts';
import { describeWithClients } from '../../support/clients.ts';
import { startS3, type TestS3 } from '../../support/s3.ts';
import { inputOf, snapshotOf, someBytes } from '../../support/snapshots.ts';
import { MemorySnapshot, MemoryStore, testClock } from './memory-world.ts';
import { readStrace, type RecordedEvent } from './recorded-writes.ts';

const chunkBytes = 8192;
const bytes = someBytes(48 * chunkBytes, 21, chunkBytes);
const garbage = Buffer.alloc(bytes.length, 0xee);

/**
 * SIGKILL keeps the page cache, so an engine without any barrier survives it. What the real process asked of the
 * kernel is recorded instead, and replayed onto a disk that loses what no fdatasync had covered.
 */
describeWithClients(['strace'], 'the system calls of a real restore', () => {
  let s3: TestS3;
  let dir: string;
  let events: RecordedEvent[];

  beforeAll(async () => {
    s3 = await startS3();
    dir = await realpath(await mkdtemp(join(tmpdir(), 'holdfast-strace-')));
    events = await record();
  });
  afterAll(async () => {
    await s3.close();
    await rm(dir, { recursive: true });
  });

  async function record(): Promise<RecordedEvent[]> {
    const bucket = openBucket({ client: s3.client, bucket: s3.bucket, prefix: '' });
    const { snapshotId } = await snapshotOf(bucket, bytes, { source: inputOf(bytes), chunkBytes });
    const target = join(dir, 'target.img');
    const trace = join(dir, 'trace');
    const state = join(dir, 'state');
    await writeFile(target, garbage);
    const calls = 'pwrite64,pwritev,write,fdatasync,fallocate,rename,renameat,renameat2';
    const strace = ['-f', '-y', '-xx', '-s', '70000', '-e', `trace=${calls}`, '-o', trace];
    const restore = ['bin/holdfast-agent.ts', 'restore', `s3://${s3.bucket}/${snapshotId}`, target];
    const child = spawn(
      'strace',
      [...strace, process.execPath, ...restore, '--state-dir', state, '--arity', '2'],
      {
        env: {
          ...process.env,
          AWS_ENDPOINT_URL_S3: s3.endpoint,
          AWS_ACCESS_KEY_ID: 'test',
          AWS_SECRET_ACCESS_KEY: 'test',
        },
        stdio: ['ignore', 'ignore', 'inherit'],
      },
    );
    expect(await once(child, 'exit')).toEqual([0, null]);
    const descriptor = join(restoreFolder(state, target), 'restore.json');
    const found = readStrace(hexPathsAsText(await readFile(trace, 'latin1'), [target, `${descriptor}.tmp`]), {
      target,
      descriptor,
    });
    expect(await readFile(target)).toHaveLength(bytes.length);
    return found;
  }

  it('hold a root mark, barriers, and a descriptor that moves from starting to restored', () => {
    const kinds = new Set(events.map((event) => event.call.kind));
    expect([...kinds].sort()).toEqual(expect.arrayContaining(['barrier', 'describe', 'publish', 'write']));
    const phases = events.flatMap(({ step, call }) =>
      step === 'end' && call.kind === 'describe' ? [decodeDescriptor(call.text, 'd').moving.phase] : [],
    );
    expect([phases[0], phases.at(-1)]).toEqual(['starting', 'restored']);
  });

  it('leave a volume that reads as the snapshot wherever the power fails', async () => {
    expect(await failures(events)).toEqual([]);
  });

  it('would not, had the barriers been left out', async () => {
    const without = events.filter((event) => event.call.kind !== 'barrier');
    expect((await failures(without)).length).toBeGreaterThan(0);
  });
});

/** strace prints the paths behind file descriptors in hexadecimal, too. */
function hexPathsAsText(trace: string, paths: string[]): string {
  return paths.reduce((text, path) => {
    const hex = [...Buffer.from(path)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
    return text.replaceAll(`<${hex}>`, `<${path}>`);
  }, trace);
}

/** Replays the recording, fails the power after every few calls, and recovers what is left. */
async function failures(events: RecordedEvent[]): Promise<string[]> {
  const random = new Random(1);
  const wrong: string[] = [];
  const sectors = Array.from({ length: bytes.length / sectorBytes }, (_, i) =>
    garbage.subarray(i * sectorBytes, (i + 1) * sectorBytes),
  );
  const disk = new SimDisk(new Contents(), sectors);
  const running = new Map<number, ReturnType<SimDisk['begin']> | number>();
  let described = '';
  let published: string | undefined;
  for (const [at, { step, id, call }] of events.entries()) {
    if (step === 'begin' && call.kind === 'write')
      running.set(id, disk.begin(call.offset / sectorBytes, call.bytes));
    if (step === 'begin' && call.kind === 'zero')
      running.set(id, disk.begin(call.offset / sectorBytes, new Uint8Array(call.length)));
    if (step === 'begin' && call.kind === 'barrier') running.set(id, disk.sequence);
    const begun = running.get(id);
    if (step === 'end' && typeof begun === 'object') disk.end(begun);
    if (step === 'end' && typeof begun === 'number') disk.sync(begun);
    if (step === 'end' && call.kind === 'describe') described = call.text;
    if (step === 'end' && call.kind === 'publish') published = described;
    if (published === undefined || at % 5 !== 0) continue;
    for (let image = 0; image < 2; image++)
      if (!(await readsAsSnapshot(disk.afterPowerLoss(random), published)))
        wrong.push(`call ${at}, image ${image}`);
  }
  return wrong;
}

async function readsAsSnapshot(disk: SimDisk, descriptorText: string): Promise<boolean> {
  const descriptor = decodeDescriptor(descriptorText, 'd');
  const deps = {
    target: directly(disk),
    source: new MemorySnapshot(bytes, chunkBytes),
    store: new MemoryStore(),
    clock: testClock(),
  };
  const { device } = await RestoreEngine.resume(deps, descriptor);
  const all = Buffer.alloc(bytes.length);
  await device.read(all, 0);
  return all.equals(bytes);
}

function directly(disk: SimDisk): TargetDisk {
  const sectorsIn = (offset: number, length: number) =>
    Array.from({ length: Math.ceil(length / sectorBytes) }, (_, i) =>
      disk.read(Math.floor(offset / sectorBytes) + i),
    );
  const write = async (data: Uint8Array, offset: number) => disk.end(disk.begin(offset / sectorBytes, data));
  return {
    sizeBytes: disk.sizeBytes,
    read: async (into, offset) =>
      into.set(Buffer.concat(sectorsIn(offset, into.length)).subarray(0, into.length)),
    write: (parts, offset) => write(Buffer.concat(parts), offset),
    zero: (offset, length) => write(new Uint8Array(length), offset),
    barrier: () => Promise.resolve(),
    resize: () => Promise.resolve(),
    freeBytes: () => Promise.resolve(undefined),
    close: () => Promise.resolve(),
  };
}
