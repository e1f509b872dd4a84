import type { Bucket } from '../../../agent/s3/bucket.ts';
import { collectGarbage } from '../../../agent/snapshot/collect-garbage.ts';
import { deleteSnapshot } from '../../../agent/snapshot/delete-snapshot.ts';
import { openPinned } from '../../../agent/snapshot/open-pinned.ts';
import { unpinSnapshot } from '../../../agent/snapshot/pins.ts';
import { HoldfastError } from '../../../core/errors.ts';
import { sessionPolicy } from '../../../lambda/connections/issue-credentials.ts';
import { MemoryBucket } from '../../support/memory-bucket.ts';
import { plainBytesIn, snapshotOf, someBytes } from '../../support/snapshots.ts';

/** The session policies of the control plane allow what each purpose does, and no more than the format page says. */
type Purpose = Parameters<typeof sessionPolicy>[2];

const prefix = 'tenant/gateway/volume';
const snapshotting: Purpose = { kind: 'snapshot', volumeId: 'volume' };
const restoring = (snapshotId: string): Purpose => ({ kind: 'restore', volumeId: 'volume', snapshotId });
const deleting = (snapshotId: string): Purpose => ({ kind: 'delete', volumeId: 'volume', snapshotId });
const objects = new MemoryBucket();
const denied: string[] = [];

function allows(purpose: Purpose, action: string, key: string): boolean {
  const matches = (patterns: string[], value: string) =>
    patterns.some((each) => (each.endsWith('*') ? value.startsWith(each.slice(0, -1)) : value === each));
  return sessionPolicy('b', prefix, purpose).Statement.some(({ Action, Resource, Condition }) => {
    if (!Action.includes(action)) return false;
    if (action !== 's3:ListBucket') return matches(Resource, `arn:aws:s3:::b/${prefix}/${key}`);
    return matches(Condition?.StringLike['s3:prefix'] ?? ['*'], `${prefix}/${key}`);
  });
}

/** The bucket as a session with this purpose sees it. */
function bucketFor(purpose: Purpose): Bucket {
  const demand = (action: string, key: string): void => {
    if (allows(purpose, action, key)) return;
    denied.push(`${purpose.kind}: ${action} ${key}`);
    throw new HoldfastError('FORBIDDEN', `${action} ${key}`);
  };
  return {
    url: objects.url,
    put: async (key, body) => (demand('s3:PutObject', key), objects.put(key, body)),
    get: async (key, options) => (demand('s3:GetObject', key), objects.get(key, options)),
    getRange: async (key, range) => (demand('s3:GetObject', key), objects.getRange(key, range)),
    has: async (key) => (demand('s3:ListBucket', key), objects.has(key)),
    list: (keyPrefix) => (demand('s3:ListBucket', keyPrefix), objects.list(keyPrefix)),
    delete: async (keys) => {
      for (const key of keys) demand('s3:DeleteObject', key);
      await objects.delete(keys);
    },
  };
}

test('each purpose may do what it needs, from the first snapshot to its deletion', async () => {
  const bytes = someBytes(20 * 4096, 1);
  const parent = await snapshotOf(bucketFor(snapshotting), bytes);
  await snapshotOf(bucketFor(snapshotting), bytes.fill(8, 0, 4096), { parentId: parent.snapshotId });
  expect([...objects.keys('intents/'), ...objects.keys('pins/')]).toEqual([]);

  const restore = bucketFor(restoring(parent.snapshotId));
  await plainBytesIn(await openPinned(restore, parent.snapshotId, 'restore-1'));
  await unpinSnapshot(restore, parent.snapshotId, 'restore-1');

  await deleteSnapshot(bucketFor(deleting(parent.snapshotId)), parent.snapshotId);
  const collected = await collectGarbage(bucketFor(deleting(parent.snapshotId)), {
    now: Date.now,
    abandonAfterMs: 0,
  });
  expect(collected.removedSnapshots).toEqual([parent.snapshotId]);
  expect(denied).toEqual([]);
});

test('neither taking nor restoring a snapshot allows to delete one, and restoring none to write one', () => {
  for (const key of ['snapshots/x', 'packs/x/y', 'pages/x/y', 'tombstones/x']) {
    for (const purpose of [snapshotting, restoring('x')])
      expect(allows(purpose, 's3:DeleteObject', key)).toBe(false);
    expect(allows(restoring('x'), 's3:PutObject', key)).toBe(false);
  }
  expect(allows(restoring('x'), 's3:PutObject', 'pins/y/restore-1')).toBe(false);
});
