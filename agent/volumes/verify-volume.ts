import type { BlockDevice } from '../../core/block-device.ts';
import { asHoldfastError, HoldfastError } from '../../core/errors.ts';
import { sha256 } from '../../core/snapshot/format.ts';
import type { BlockDamage, VerifyVolumeProgress, VolumeVerification } from '../ports.ts';
import { isZero } from '../snapshot/chunk-encoder.ts';
import { inOrder } from '../snapshot/in-order.ts';
import type { OpenedSnapshot } from '../snapshot/open-snapshot.ts';

/** Damage beyond this is counted but not described, so that the answer stays short. */
const damageListedMax = 200;
/** Blocks that are looked at together. */
const inFlightMax = 8;
const readsAsZero = 2;

export type VerifiedDevice = Pick<BlockDevice, 'sizeBytes' | 'read' | 'blockStatus'>;

interface Range {
  offsetBytes: number;
  lengthBytes: number;
}

export interface VerifyVolumeParams {
  volumeId: string;
  device: VerifiedDevice;
  snapshot: OpenedSnapshot;
  /**
   * Whether a client has changed any of the range since the snapshot was taken; undefined where nobody knows. Asked
   * after the range was read, so that a change that was seen is a change that is known.
   */
  isChanged: (offsetBytes: number, lengthBytes: number) => boolean | undefined;
  /** Throws where the volume is not served any more. */
  mustBeReadable: () => void;
  signal?: AbortSignal;
  onProgress?: (progress: VerifyVolumeProgress) => void;
}

type Verdict = 'same' | 'changed' | 'unrestored' | { where: BlockDamage['where']; message: string };

/**
 * Compares every block of a volume with a snapshot of it. What is not restored yet is fetched and verified, and not
 * written. Goes on after damage, so that all of it is named. Throws what keeps it from looking.
 */
export async function verifyVolume(p: VerifyVolumeParams): Promise<VolumeVerification> {
  const { sizeBytes } = p.device;
  const { chunkBytes: blockBytes, snapshotId } = p.snapshot;
  const blockCount = Math.ceil(sizeBytes / blockBytes);
  const counts = { sameBlocks: 0, changedBlocks: 0, unrestoredBlocks: 0, damagedBlocks: 0 };
  const damage: BlockDamage[] = [];
  let block = 0;
  for await (const verdict of inOrder(upTo(blockCount), inFlightMax, (index) => verdictOf(p, index))) {
    if (verdict === 'same') counts.sameBlocks += 1;
    else if (verdict === 'changed') counts.changedBlocks += 1;
    else if (verdict === 'unrestored') counts.unrestoredBlocks += 1;
    else {
      counts.damagedBlocks += 1;
      if (damage.length < damageListedMax)
        damage.push({ block, offsetBytes: block * blockBytes, ...verdict });
    }
    block += 1;
    const doneBytes = Math.min(block * blockBytes, sizeBytes);
    p.onProgress?.({ doneBytes, totalBytes: sizeBytes, damagedBlocks: counts.damagedBlocks });
  }
  return { volumeId: p.volumeId, snapshotId, blockBytes, blockCount, ...counts, damage };
}

async function verdictOf(p: VerifyVolumeParams, block: number): Promise<Verdict> {
  p.signal?.throwIfAborted();
  const offsetBytes = block * p.snapshot.chunkBytes;
  const lengthBytes = Math.min(p.snapshot.chunkBytes, p.device.sizeBytes - offsetBytes);
  try {
    const [status] = (await p.device.blockStatus?.('holdfast:restore', offsetBytes, lengthBytes, 1)) ?? [];
    if (status?.flags) return await inSnapshot(p, block);
    return await inVolume(p, block, { offsetBytes, lengthBytes });
  } catch (thrown) {
    p.signal?.throwIfAborted();
    p.mustBeReadable();
    const { code, message } = asHoldfastError(thrown);
    if (code !== 'IO') throw thrown;
    return { where: 'volume', message: `block ${block} cannot be read: ${message}` };
  }
}

/** A block that is still to come out of the snapshot. */
async function inSnapshot({ snapshot, signal }: VerifyVolumeParams, block: number): Promise<Verdict> {
  if (block >= snapshot.chunkCount) return 'unrestored';
  try {
    await snapshot.readChunk(block, { signal, priority: 'background' });
    return 'unrestored';
  } catch (thrown) {
    if (!(thrown instanceof HoldfastError) || thrown.code !== 'CORRUPT') throw thrown;
    return { where: 'snapshot', message: `block ${block} cannot be restored: ${thrown.message}` };
  }
}

async function inVolume(p: VerifyVolumeParams, block: number, range: Range): Promise<Verdict> {
  const { snapshot } = p;
  const { offsetBytes, lengthBytes } = range;
  const entry = block < snapshot.chunkCount ? await snapshot.entry(block) : undefined;
  if (!entry && (await isHole(p.device, range))) return 'same';
  const bytes = Buffer.allocUnsafeSlow(lengthBytes);
  await p.device.read(bytes, offsetBytes);
  // What lies behind the snapshot's end was zeroes when the volume was restored from it.
  const inChunk = entry ? Math.min(lengthBytes, snapshot.sizeBytes - offsetBytes) : 0;
  const isSame = !entry || Buffer.compare(sha256(bytes.subarray(0, inChunk)), entry.hash) === 0;
  if (isSame && isZero(bytes.subarray(inChunk))) return 'same';
  if (p.isChanged(offsetBytes, lengthBytes) !== false) return 'changed';
  return {
    where: 'volume',
    message: `block ${block} differs from snapshot ${snapshot.snapshotId}, and no client has written to it`,
  };
}

async function isHole(device: VerifiedDevice, { offsetBytes, lengthBytes }: Range): Promise<boolean> {
  const [extent] = (await device.blockStatus?.('base:allocation', offsetBytes, lengthBytes, 1)) ?? [];
  return extent !== undefined && (extent.flags & readsAsZero) !== 0 && extent.lengthBytes >= lengthBytes;
}

function* upTo(count: number): Generator<number> {
  for (let index = 0; index < count; index += 1) yield index;
}
