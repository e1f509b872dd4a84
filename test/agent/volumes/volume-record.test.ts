import { newSnapshotId } from '../../../core/snapshot/names.ts';
import type { SnapshotSource } from '../../../core/snapshot/source.ts';
import { afterRestore } from '../../../agent/volumes/volume-record.ts';

const begunAt = 1_790_000_000_000;
const source = (createdAtMs?: number) =>
  ({
    snapshotId: newSnapshotId(begunAt, (size) => new Uint8Array(size)),
    createdAtMs,
    sizeBytes: 4_096,
    chunkBytes: 4_096,
  }) as SnapshotSource;
const at = (from: SnapshotSource) =>
  afterRestore({ device: 1n, inode: 1n } as never, 'r', from).lastSnapshot?.at;

it('a restored volume is as old as what its snapshot holds, and not as the upload that was begun for it', () => {
  expect(at(source(begunAt + 86_400_000))).toBe(begunAt + 86_400_000);
});

it('where the root was not read yet, the id has to do', () => {
  expect(at(source())).toBe(begunAt);
});
