import { asHoldfastError, type HoldfastError } from '../../core/errors.ts';
import { sameIdentity, type TargetIdentity } from '../../core/restore/descriptor.ts';
import type { VolumeFault } from '../ports.ts';
import { identityAt } from '../restore/identity-at.ts';
import type { TargetDisk } from '../restore/target-disk.ts';
import { sampleBytes, signatureOf, type ContentSamples } from './content-samples.ts';

export interface Loss {
  reason: VolumeFault;
  detail: string;
}

/** Losses that mend themselves when what was away comes back; the others need a restore. */
export const passingFaults: ReadonlySet<VolumeFault> = new Set([
  'missing',
  'io-error',
  'wrong-target',
  'in-use',
]);

/** What is wrong with the backing file as a whole: gone, another one, too short. */
export async function inspectBacking(p: {
  path: string;
  sizeBytes: number;
  identity: TargetIdentity;
}): Promise<Loss | undefined> {
  const { path, sizeBytes, identity } = p;
  try {
    const found = await identityAt(path);
    if (!found) return { reason: 'missing', detail: `${path} does not exist` };
    if (!sameIdentity(found.identity, identity))
      return { reason: 'wrong-target', detail: `${path} is another disk or file than the volume's` };
    if (found.sizeBytes < sizeBytes)
      return { reason: 'truncated', detail: `${path} has ${found.sizeBytes} bytes of ${sizeBytes}` };
    return undefined;
  } catch (thrown) {
    return { reason: 'io-error', detail: asHoldfastError(thrown).message };
  }
}

/**
 * Whether somebody else wrote to the volume: sampled pages that no client changed must read as before. After a crash
 * nothing is known of single pages, but a file system that has gone still shows by its signature.
 */
export async function inspectContent(p: {
  path: string;
  sizeBytes: number;
  target: TargetDisk;
  samples: ContentSamples;
  /** What stood at the front when it was last looked at; compared where the first page itself is unknown. */
  signature: string | undefined;
}): Promise<{ loss: Loss } | { signature: string | undefined }> {
  const { path, target, samples } = p;
  try {
    const isFrontKnown = samples.known().some((sample) => sample.offsetBytes === 0);
    const wrong = await samples.check((into, offsetBytes) => target.read(into, offsetBytes));
    if (wrong !== undefined) return overwritten(`${path} was changed by somebody else, at byte ${wrong}`);
    const front = new Uint8Array(Math.min(sampleBytes, p.sizeBytes));
    await target.read(front, 0);
    const signature = signatureOf(front);
    if (!isFrontKnown && p.signature && signature !== p.signature)
      return overwritten(`${path} had an ${p.signature} signature in front, which is gone`);
    return { signature };
  } catch (thrown) {
    return { loss: { reason: 'io-error', detail: asHoldfastError(thrown).message } };
  }
}

const overwritten = (detail: string): { loss: Loss } => ({ loss: { reason: 'overwritten', detail } });

/** Why a volume that cannot be opened is lost. */
export function faultOf(error: HoldfastError): VolumeFault {
  if (error.code === 'NOT_FOUND') return 'missing';
  if (error.code === 'WRONG_TARGET') return 'wrong-target';
  if (error.code === 'BUSY') return 'in-use';
  if (error.code === 'CORRUPT') return 'truncated';
  if (error.code === 'GONE') return 'overwritten';
  return 'io-error';
}
