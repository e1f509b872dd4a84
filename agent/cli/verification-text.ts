import { HoldfastError } from '../../core/errors.ts';
import { typed } from '../../core/typed.ts';
import type { VolumeVerification } from '../ports.ts';

/** A line for each damaged block that is described, and one that counts them all. */
export function verificationText(found: VolumeVerification): string {
  const { volumeId, snapshotId, blockCount, sameBlocks, changedBlocks, unrestoredBlocks, damagedBlocks } =
    found;
  const counts = [
    `${sameBlocks} as in ${snapshotId}`,
    `${changedBlocks} changed since`,
    ...(unrestoredBlocks > 0 ? [`${unrestoredBlocks} not restored yet`] : []),
    `${damagedBlocks} damaged`,
  ];
  const lines = found.damage.map(({ message }) => `damaged: ${message}`);
  return [...lines, `${volumeId}: of ${blockCount} blocks ${counts.join(', ')}`, ''].join('\n');
}

/** What a verification that found damage ends with. */
export function damagedVolume({
  volumeId,
  blockCount,
  damagedBlocks,
  damage,
}: VolumeVerification): HoldfastError {
  const inVolume = damage.some(({ where }) => where === 'volume');
  return new HoldfastError('CORRUPT', `${damagedBlocks} of ${blockCount} blocks of ${volumeId} are damaged`, {
    hint: inVolume
      ? `look after its disk, then restore it: \`${typed(`holdfast-agent volume restore ${volumeId} --replace`)}\``
      : `write those blocks anew, or restore an older snapshot: \`${typed(`holdfast-agent volume snapshots ${volumeId}`)}\``,
  });
}
