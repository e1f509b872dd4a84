import { z } from 'zod';
import type { TargetIdentity } from '../../core/restore/descriptor.ts';
import { snapshotIdTimeMs } from '../../core/snapshot/names.ts';
import type { SnapshotSource } from '../../core/snapshot/source.ts';
import type { FileFormat } from '../state/versioned-file.ts';

const count = z.number().int().nonnegative();

/** What the agent remembers of a volume: `volumes/<volumeId>/volume.json`. */
const schema = z.object({
  volumeId: z.string().min(1).max(40),
  path: z.string().min(1).max(4096),
  sizeBytes: count.min(1),
  identity: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('file'), inode: z.string(), bornAtNs: z.string() }),
    z.object({ kind: z.literal('device'), serial: z.string(), sizeBytes: count }),
  ]),
  /** A loss that was noticed; the volume is not served until it is restored. */
  fault: z
    .object({
      reason: z.enum(['missing', 'truncated', 'overwritten', 'io-error', 'wrong-target', 'in-use']),
      detail: z.string().max(1000),
      /** The restore in whose course the volume was lost; a later restore repairs it. */
      restoreId: z.string().optional(),
      snapshotId: z.string().optional(),
    })
    .optional(),
  /** A restore was begun and its end not seen: without its descriptor the volume must not be served. */
  restoreId: z.string().optional(),
  lastSnapshot: z
    .object({ snapshotId: z.string(), at: count, sizeBytes: count, chunkBytes: count.min(4096) })
    .optional(),
  /** Attempts at a snapshot that failed since one succeeded. */
  failedSnapshots: count.optional(),
  /** Names what stood at the front when it was last looked at: ext4, xfs, lvm, gpt. */
  signature: z.string().max(20).optional(),
  /**
   * Left behind by an orderly stop, used up by the next start: what changed since the last snapshot, and the samples
   * of the content. `modifiedAtNs` tells whether the file was touched while nobody served it.
   */
  stopped: z
    .object({
      modifiedAtNs: z.string(),
      changed: z.string().optional(),
      samples: z.array(z.object({ offsetBytes: count, sha256: z.string().length(64) })).max(256),
    })
    .optional(),
});

export const volumeFile: FileFormat<typeof schema> = { format: 'holdfast-volume', version: 1, schema };

export interface VolumeRecord extends z.infer<typeof schema> {
  identity: TargetIdentity;
}

/** From the begin of a restore on the volume is the snapshot and what clients change: the next snapshot builds on it. */
export function afterRestore(
  identity: TargetIdentity,
  restoreId: string,
  { snapshotId, createdAtMs, sizeBytes, chunkBytes }: SnapshotSource,
): Partial<VolumeRecord> {
  const lastSnapshot = { snapshotId, at: createdAtMs ?? snapshotIdTimeMs(snapshotId), sizeBytes, chunkBytes };
  return { identity, restoreId, lastSnapshot, fault: undefined, stopped: undefined, signature: undefined };
}
