import { formatLimits } from '../../core/snapshot/geometry.ts';
import { keys } from '../../core/snapshot/names.ts';
import { newS3Client } from '../../agent/s3/s3-client.ts';
import { openBucket } from '../../agent/s3/s3-bucket.ts';
import { openSnapshot } from '../../agent/snapshot/open-snapshot.ts';
import type { Backend, World } from './world.ts';

export const pageBytes = formatLimits.chunkBytesMin;

/** A GET whose last byte has left the backend. */
export interface Delivery {
  path: string;
  start: number;
  end: number;
  /** Unix milliseconds. */
  at: number;
}

/** For each page of the volume since when the contender could have it: Unix milliseconds, Infinity for never. */
export type DeliveredAt = Float64Array;

/** Of a contender that reads the image as it is. */
export function deliveredOfImage(world: World, deliveries: readonly Delivery[]): DeliveredAt {
  const since = new Float64Array(world.imageBytes / pageBytes).fill(Infinity);
  for (const { path, start, end, at } of deliveries)
    if (path === '/image.raw') earlier(since, Math.ceil(start / pageBytes), Math.floor(end / pageBytes), at);
  return since;
}

/** Of a contender that reads the image's snapshot: a page is there with the whole of its chunk, a hole always. */
export async function deliveredOfSnapshot(
  world: World,
  backend: Backend,
  deliveries: readonly Delivery[],
): Promise<DeliveredAt> {
  const since = new Float64Array(world.imageBytes / pageBytes).fill(Infinity);
  const client = newS3Client(backend.env);
  const bucket = openBucket({ client, bucket: 'bucket', prefix: 'vol/' });
  const snapshot = await openSnapshot(bucket, world.snapshotId);
  const byPath = Map.groupBy(deliveries, ({ path }) => path);
  const pages = snapshot.chunkBytes / pageBytes;
  for (let index = 0; index < snapshot.chunkCount; index++) {
    const entry = await snapshot.entry(index);
    const own = entry ? (byPath.get(`/bucket/vol/${keys.pack(entry.pack)}`) ?? []) : [];
    if (!entry) earlier(since, index * pages, (index + 1) * pages, -Infinity);
    for (const { start, end, at } of own)
      if (entry && start <= entry.offsetBytes && end >= entry.offsetBytes + entry.storedBytes)
        earlier(since, index * pages, (index + 1) * pages, at);
  }
  await snapshot.close();
  client.destroy();
  return since;
}

function earlier(since: DeliveredAt, start: number, end: number, at: number): void {
  for (let page = start; page < Math.min(end, since.length); page++)
    since[page] = Math.min(since[page] ?? Infinity, at);
}
