import type { BlockDevice, Extent } from '../../core/block-device.ts';
import type { SnapshotInput } from './snapshot-input.ts';

/** One question about holes covers at most this much, so that it stays quick. */
const statusBytesMax = 1024 * 1024 * 1024;
const statusExtentsMax = 64;
const readsAsZero = 2;

/** A block device that nobody writes, as the source of a snapshot. Holes that it reports are not read. */
export function deviceInput(device: BlockDevice): SnapshotInput {
  let known: { offsetBytes: number; extents: Extent[] } = { offsetBytes: 0, extents: [] };
  const isZero = async (offsetBytes: number, lengthBytes: number): Promise<boolean> => {
    const answer = zeroIn(known, offsetBytes, lengthBytes);
    if (answer !== undefined || !device.blockStatus) return answer ?? false;
    const askBytes = Math.min(statusBytesMax, device.sizeBytes - offsetBytes);
    const extents = await device.blockStatus('base:allocation', offsetBytes, askBytes, statusExtentsMax);
    known = { offsetBytes, extents };
    return zeroIn(known, offsetBytes, lengthBytes) ?? false;
  };
  return {
    sizeBytes: device.sizeBytes,
    isZero,
    async readChunk({ offsetBytes, lengthBytes, into }) {
      if (await isZero(offsetBytes, lengthBytes)) return undefined;
      const bytes = into?.() ?? Buffer.allocUnsafeSlow(lengthBytes);
      await device.read(bytes, offsetBytes);
      return bytes;
    },
  };
}

/** True where the whole range is known to be zero, undefined where the extents do not reach so far. */
function zeroIn(
  { offsetBytes: first, extents }: { offsetBytes: number; extents: Extent[] },
  offsetBytes: number,
  lengthBytes: number,
): boolean | undefined {
  if (offsetBytes < first) return undefined;
  const end = offsetBytes + lengthBytes;
  let start = first;
  for (const extent of extents) {
    const extentEnd = start + extent.lengthBytes;
    if (extentEnd > offsetBytes && start < end && !(extent.flags & readsAsZero)) return false;
    start = extentEnd;
    if (start >= end) return true;
  }
  return undefined;
}
