import { createHash } from 'node:crypto';
import { z } from 'zod';
import { HoldfastError } from '../errors.ts';
import { markKeyBytes, restoreIdBytes } from './mark.ts';
import { arityMax } from './tree.ts';
import { plainIssues } from '../plain-issues.ts';

/**
 * The one small file that a restore keeps beside the volume. `frozen` is fixed when the restore begins, `moving`
 * changes. Its size does not depend on the volume's.
 */
export interface Descriptor {
  frozen: {
    volumeId: string;
    path: string;
    identity: TargetIdentity;
    snapshotId: string;
    rootHash: string;
    snapshotBytes: number;
    volumeBytes: number;
    blockBytes: number;
    blockCount: number;
    arity: number;
    restoreId: string;
    /** Secret: who has it can make marks. The file is readable by its owner alone. */
    markKey: string;
  };
  moving: {
    phase: RestorePhase;
    /** Every block below it is durably restored. */
    cursor: number;
    paused: boolean;
    bandwidthBytesPerSec?: number;
    /** The rate that the background is to keep at least. */
    promisedBytesPerSec?: number;
  };
}

/**
 * `starting`: the root mark may not be on the disk yet, nothing was acknowledged. `canceled`: the volume is refused
 * until it is restored again.
 */
export type RestorePhase = 'starting' | 'restoring' | 'restored' | 'canceled';

/** What tells this disk from a replaced or blank one. */
export type TargetIdentity =
  { kind: 'file'; inode: string; bornAtNs: string } | { kind: 'device'; serial: string; sizeBytes: number };

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const hexOf = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`));
const identitySchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('file'), inode: z.string().max(40), bornAtNs: z.string().max(40) }),
  z.object({ kind: z.literal('device'), serial: z.string().min(1).max(400), sizeBytes: count }),
]);
const descriptorSchema = z.object({
  frozen: z.object({
    volumeId: z.string().min(1).max(200),
    path: z.string().min(1).max(4096),
    identity: identitySchema,
    snapshotId: z.string().min(1).max(200),
    rootHash: hexOf(32),
    snapshotBytes: count,
    volumeBytes: count.min(1),
    blockBytes: count.min(4096).multipleOf(4096),
    blockCount: count.min(1),
    arity: count.min(2).max(arityMax),
    restoreId: hexOf(restoreIdBytes),
    markKey: hexOf(markKeyBytes),
  }),
  moving: z.object({
    phase: z.enum(['starting', 'restoring', 'restored', 'canceled']),
    cursor: count,
    paused: z.boolean(),
    bandwidthBytesPerSec: count.min(1).optional(),
    promisedBytesPerSec: count.min(1).optional(),
  }),
});
const fileSchema = z.object({
  format: z.literal('holdfast-restore'),
  version: z.literal(1),
  sha256: hexOf(32),
  descriptor: z.unknown(),
});

export function encodeDescriptor(descriptor: Descriptor): string {
  const body = JSON.stringify(descriptor);
  const file = { format: 'holdfast-restore', version: 1, sha256: sha256(body), descriptor };
  return `${JSON.stringify(file)}\n`;
}

/** Throws CORRUPT; `name` is what the error calls the file. */
export function decodeDescriptor(text: string, name: string): Descriptor {
  const corrupt = (why: string, cause?: unknown) =>
    new HoldfastError('CORRUPT', `${name} is not a restore descriptor: ${why}`, {
      cause,
      hint: 'without it nothing tells restored blocks from unrestored ones: restore the volume again',
    });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw corrupt('no JSON', cause);
  }
  const file = fileSchema.safeParse(json);
  if (!file.success) throw corrupt(plainIssues(file.error, json));
  if (sha256(JSON.stringify(file.data.descriptor)) !== file.data.sha256)
    throw corrupt('its checksum is wrong');
  const parsed = descriptorSchema.safeParse(file.data.descriptor);
  if (!parsed.success) throw corrupt(plainIssues(parsed.error, file.data.descriptor));
  const { frozen, moving } = parsed.data;
  if (frozen.blockCount !== Math.ceil(frozen.volumeBytes / frozen.blockBytes))
    throw corrupt(`${frozen.blockCount} blocks are not what ${frozen.volumeBytes} bytes make`);
  if (moving.cursor > frozen.blockCount) throw corrupt(`cursor ${moving.cursor} is behind the last block`);
  return parsed.data;
}

export function sameIdentity(a: TargetIdentity, b: TargetIdentity): boolean {
  if (a.kind === 'file' && b.kind === 'file') return a.inode === b.inode && a.bornAtNs === b.bornAtNs;
  if (a.kind === 'device' && b.kind === 'device') return a.serial === b.serial && a.sizeBytes === b.sizeBytes;
  return false;
}

function sha256(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}
