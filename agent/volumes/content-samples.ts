import { createHash } from 'node:crypto';
import type { ChangeListener } from './tracked-device.ts';

export const sampleBytes = 4096;
const samplesMax = 128;

interface Sample {
  offsetBytes: number;
  sha256: string | undefined;
  /** Changes under way, and how many there were: a sample read meanwhile says nothing. */
  changing: number;
  changes: number;
}

/**
 * Hashes of pages spread over the volume, the first one among them. A page that no client wrote and that reads
 * differently was overwritten behind our back. A client's write makes its pages unknown until they are read again.
 */
export class ContentSamples implements ChangeListener {
  readonly #samples: Sample[];
  readonly #sizeBytes: number;

  constructor(sizeBytes: number, known: readonly { offsetBytes: number; sha256: string }[] = []) {
    this.#sizeBytes = sizeBytes;
    const hashes = new Map(known.map((sample) => [sample.offsetBytes, sample.sha256]));
    this.#samples = offsetsFor(sizeBytes).map((offsetBytes) => ({
      offsetBytes,
      sha256: hashes.get(offsetBytes),
      changing: 0,
      changes: 0,
    }));
  }

  begin(offsetBytes: number, lengthBytes: number): void {
    for (const sample of this.#in(offsetBytes, lengthBytes)) {
      sample.changing++;
      sample.changes++;
      sample.sha256 = undefined;
    }
  }

  end(offsetBytes: number, lengthBytes: number): void {
    for (const sample of this.#in(offsetBytes, lengthBytes)) sample.changing--;
  }

  /** Compares what is known and learns the rest. Resolves with the offset of a page that is not what it was. */
  async check(read: (into: Uint8Array, offsetBytes: number) => Promise<void>): Promise<number | undefined> {
    for (const sample of this.#samples) {
      if (sample.changing > 0) continue;
      const before = sample.changes;
      const page = new Uint8Array(Math.min(sampleBytes, this.#sizeBytes - sample.offsetBytes));
      await read(page, sample.offsetBytes);
      if (sample.changes !== before) continue;
      const sha256 = createHash('sha256').update(page).digest('hex');
      if (sample.sha256 !== undefined && sample.sha256 !== sha256) return sample.offsetBytes;
      sample.sha256 = sha256;
    }
    return undefined;
  }

  known(): { offsetBytes: number; sha256: string }[] {
    return this.#samples.flatMap(({ offsetBytes, sha256, changing }) =>
      sha256 !== undefined && changing === 0 ? [{ offsetBytes, sha256 }] : [],
    );
  }

  #in(offsetBytes: number, lengthBytes: number): Sample[] {
    const end = offsetBytes + lengthBytes;
    return this.#samples.filter(
      (sample) => sample.offsetBytes < end && sample.offsetBytes + sampleBytes > offsetBytes,
    );
  }
}

/** The first pages, where file systems keep what they cannot be without, and pages spread evenly over the rest. */
function offsetsFor(sizeBytes: number): number[] {
  const pages = Math.ceil(sizeBytes / sampleBytes);
  const offsets = new Set([0, 1, 2, 3].filter((page) => page < pages));
  for (let i = 0; i < samplesMax - 4; i++) offsets.add(Math.floor((i / (samplesMax - 4)) * pages));
  return [...offsets].sort((a, b) => a - b).map((page) => page * sampleBytes);
}

/** What stands at the front of a volume, where it is a thing we know. */
export function signatureOf(front: Uint8Array): string | undefined {
  const bytes = Buffer.from(front.buffer, front.byteOffset, front.length);
  const at = (offset: number, text: string) =>
    bytes.toString('latin1', offset, offset + text.length) === text;
  if (bytes.length >= 1082 && bytes.readUInt16LE(1080) === 0xef53) return 'ext';
  if (at(0, 'XFSB')) return 'xfs';
  if (at(512, 'LABELONE')) return 'lvm';
  if (at(512, 'EFI PART')) return 'gpt';
  return undefined;
}
