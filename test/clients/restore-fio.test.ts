import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBucket } from '../../agent/s3/s3-bucket.ts';
import { startRestore, type RestoreProcess } from '../crash/restore-process.ts';
import { clientOutput, describeWithClients, runClient } from '../support/clients.ts';
import { startS3, type TestS3 } from '../support/s3.ts';
import { inputOf, snapshotOf, someBytes } from '../support/snapshots.ts';

const MiB = 1024 * 1024;
const chunkBytes = 64 * 1024;
/** What fio writes before the kill and verifies after it; what it reads and writes at random; what nobody touches. */
const kept = { offset: 3 * MiB + 4096, size: 4 * MiB };
const mixed = { offset: 10 * MiB, size: 8 * MiB };
const volumeBytes = 24 * MiB + 512;

describeWithClients(['fio-nbd'], 'fio on a volume whose restore is killed', () => {
  let s3: TestS3;
  let dir: string;
  const running = new Set<RestoreProcess>();
  beforeAll(async () => {
    s3 = await startS3();
    dir = await realpath(await mkdtemp(join(tmpdir(), 'holdfast-fio-')));
  });
  afterAll(async () => {
    for (const restore of running) restore.kill('SIGKILL');
    await s3.close();
    await rm(dir, { recursive: true });
  });

  it('finds every block that it had written, under mixed reads and writes before and after', async () => {
    const bytes = someBytes(volumeBytes, 11, chunkBytes);
    const bucket = openBucket({ client: s3.client, bucket: s3.bucket, prefix: 'p/' });
    const { snapshotId } = await snapshotOf(bucket, bytes, { source: inputOf(bytes), chunkBytes });
    const target = join(dir, 'target.img');
    await writeFile(target, Buffer.alloc(volumeBytes, 0xee));
    const socket = join(dir, 'nbd.sock');
    const start = (flags: string[]): RestoreProcess => {
      const url = `s3://${s3.bucket}/p/${snapshotId}`;
      const place = { url, endpoint: s3.endpoint, target, state: join(dir, 'state'), socket };
      const restore = startRestore({ ...place, flags });
      running.add(restore);
      return restore;
    };
    /** Same name and seed, same blocks and contents: a later run verifies what an earlier one wrote. */
    const job = (name: string, { offset, size }: typeof kept, ...more: string[]): string[] => [
      ...[
        `--name=${name}`,
        '--ioengine=nbd',
        `--uri=nbd+unix:///v?socket=${socket}`,
        '--bs=4k',
        '--iodepth=8',
      ],
      ...[`--offset=${offset}`, `--size=${size}`, '--randrepeat=1', '--verify=crc32c', '--verify_fatal=1'],
      ...['--verify_state_save=0', ...more],
    ];
    const write = job('kept', kept, '--rw=randwrite', '--do_verify=0');
    const verify = job('kept', kept, '--rw=randwrite', '--verify_only=1');
    const mix = job('mixed', mixed, '--rw=randrw', '--rwmixread=40');

    const first = start(['--bandwidth', '1MiB']);
    expect(await first.event('open')).toMatchObject({ isResumed: false });
    await clientOutput('fio', write, { cwd: dir });
    // Cut off in the middle of its work.
    const endless = runClient('fio', [...mix, '--time_based=1', '--runtime=60'], { cwd: dir });
    await first.event('progress');
    await first.event('progress');
    first.kill('SIGKILL');
    expect(await first.exit).toMatchObject({ signal: 'SIGKILL' });
    expect((await endless).code).not.toBe(0);

    const second = start(['--bandwidth', '4MiB']);
    const reopened = await second.event('open');
    expect(reopened).toMatchObject({ isResumed: true });
    expect(Number(reopened?.['fraction'])).toBeLessThan(1);
    await clientOutput('fio', verify, { cwd: dir });
    expect(await clientOutput('fio', mix, { cwd: dir })).toMatch(/err= 0/);
    await second.event('restored');
    await clientOutput('fio', verify, { cwd: dir });
    second.kill('SIGTERM');
    expect(await second.exit).toMatchObject({ code: 0 });

    const restored = await readFile(target);
    expect(restored.length).toBe(volumeBytes);
    const untouched: [number, number][] = [
      [0, kept.offset],
      [kept.offset + kept.size, mixed.offset],
      [mixed.offset + mixed.size, volumeBytes],
    ];
    for (const [from, to] of untouched)
      expect(restored.subarray(from, to).equals(bytes.subarray(from, to))).toBe(true);
  });
});
