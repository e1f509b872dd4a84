import type { Bucket } from '../s3/bucket.ts';
import { listSnapshots } from '../snapshot/list-snapshots.ts';

/** The id of a volume's newest whole snapshot in a repository: what `--parent last` means. */
export async function newestOf(
  bucket: Bucket,
  volumeId: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  let newest: string | undefined;
  for (const snapshot of await listSnapshots(bucket, { signal }))
    if (snapshot.damage === undefined && snapshot.volumeId === volumeId) newest = snapshot.snapshotId;
  return newest;
}
