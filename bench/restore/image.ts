import { randomFillSync } from 'node:crypto';
import { open } from 'node:fs/promises';

const unitBytes = 1024 * 1024;

/** Of every 4 MiB half cannot be compressed, a quarter is text that repeats, and a quarter is zeroes (a hole). */
export async function makeImage(path: string, sizeBytes: number): Promise<void> {
  const text = Buffer.from('The quick brown fox jumps over the lazy dog; the gateway keeps its volumes.\n');
  const random = Buffer.alloc(unitBytes);
  await using file = await open(path, 'w');
  await file.truncate(sizeBytes);
  for (let unit = 0; unit * unitBytes < sizeBytes; unit++) {
    const kind = unit % 4;
    if (kind === 3) continue;
    const repeating = Buffer.alloc(unitBytes, Buffer.concat([Buffer.from(`${unit} `), text]));
    await file.write(kind === 1 ? repeating : randomFillSync(random), 0, unitBytes, unit * unitBytes);
  }
  await file.sync();
}
