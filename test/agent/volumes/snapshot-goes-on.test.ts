import { openBucket } from '../../../agent/s3/s3-bucket.ts';
import { openSnapshot } from '../../../agent/snapshot/open-snapshot.ts';
import { startFlakyProxy, type FlakyProxy } from '../../support/flaky-proxy.ts';
import { plainBytesIn } from '../../support/snapshots.ts';
import { MiB, World } from './world.ts';

let world: World;
let proxy: FlakyProxy;
beforeAll(async () => {
  world = await World.open();
  proxy = await startFlakyProxy(world.s3.endpoint);
});
afterEach(() => world.closeServices());
afterAll(async () => {
  await proxy.close();
  await world.close();
});

test('the snapshot behind one that failed takes over what has arrived, as it is at its own moment', async () => {
  const client = world.s3.newClient(proxy.endpoint);
  const bucketFor = () => Promise.resolve({ client, bucket: world.s3.bucket, prefix: 'v/' });
  const isPack = (label: string) => label.startsWith('PUT ') && label.includes('/packs/');
  const packCount = () => proxy.requests.filter(isPack).length;
  const volumes = await world.service('goes-on', { bucketFor });
  const { path, bytes } = await world.file('goes-on', 40 * MiB);
  await volumes.create({ volumeId: 'v', path });
  proxy.faultFor = (label) =>
    isPack(label) && packCount() > 5 ? { kind: 'answer', status: 403, code: 'AccessDenied' } : undefined;
  await expect(volumes.snapshot({ volumeId: 'v' })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  expect(volumes.get('v')).toMatchObject({ failedSnapshots: 1 });
  const canceled = volumes.snapshot({ volumeId: 'v', signal: AbortSignal.abort() });
  await expect(canceled).rejects.toBeDefined();
  expect(volumes.get('v')).toMatchObject({ failedSnapshots: 1 });
  await volumes.close();

  proxy.faultFor = () => undefined;
  const again = await world.service('goes-on', { bucketFor });
  const nbd = await world.nbd(again, 'v');
  await nbd.write(MiB, Buffer.alloc(4096, 7));
  nbd.close();
  const before = packCount();
  expect(again.get('v')).toMatchObject({ failedSnapshots: 1 });
  const made = await again.snapshot({ volumeId: 'v' });
  expect(again.get('v')).not.toHaveProperty('failedSnapshots');
  expect(packCount() - before).toBeLessThanOrEqual(2);

  const bucket = openBucket({ client: world.s3.client, bucket: world.s3.bucket, prefix: 'v/' });
  const plain = await plainBytesIn(await openSnapshot(bucket, made.snapshotId));
  expect(Buffer.compare(plain, Buffer.from(bytes).fill(7, MiB, MiB + 4096))).toBe(0);
});
