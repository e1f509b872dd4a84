import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileIdentity } from '../../agent/restore/identity-at.ts';
import { openStandaloneRestore, restoreFolder } from '../../agent/restore/standalone-restore.ts';
import { systemClock } from '../../agent/restore/system-clock.ts';
import { decodeDescriptor, encodeDescriptor } from '../../core/restore/descriptor.ts';
import { MemorySnapshot } from '../agent/restore/memory-world.ts';
import type { Model } from '../simulation/disk/model.ts';
import { sectorBytes } from '../simulation/disk/sim-disk.ts';
import { sectorsOf } from './guest.ts';
import type { TestVolume } from './volume.ts';

/** What a crash left. */
export interface CrashImage {
  target: Buffer;
  descriptor: string | undefined;
  /** What may be read there; collapses to what was read. */
  model: Model;
}

/**
 * Opens an image as a restart does, with the real engine on a real file, and reads all of it; with `toTheEnd` it is
 * restored, and the file compared with what was read before. Resolves with what is wrong.
 */
export async function recover(
  dir: string,
  volume: TestVolume,
  { target, descriptor, model }: CrashImage,
  options: { toTheEnd: boolean },
): Promise<string | undefined> {
  const path = join(dir, 'recovered.img');
  const stateDirectory = join(dir, 'recovered');
  const file = join(restoreFolder(stateDirectory, path), 'restore.json');
  await mkdir(dirname(file), { recursive: true });
  await writeFile(path, target);
  await rm(file, { force: true });
  const snapshot = new MemorySnapshot(volume.snapshotBytes, volume.chunkBytes);
  let snapshotId = snapshot.snapshotId;
  if (descriptor !== undefined) {
    const stored = decodeDescriptor(descriptor, 'the descriptor');
    snapshotId = stored.frozen.snapshotId;
    // The image is another file than the one that the descriptor was written for.
    const identity = fileIdentity(await stat(path, { bigint: true }));
    await writeFile(file, encodeDescriptor({ ...stored, frozen: { ...stored.frozen, path, identity } }));
  }
  const { engine, close } = await openStandaloneRestore({
    path,
    snapshotId,
    stateDirectory,
    arity: volume.arity,
    openSource: () => Promise.resolve(snapshot),
    abandon: () => Promise.resolve(),
    engineDeps: { clock: systemClock },
  });
  let wrong: string | undefined;
  try {
    const volumeBytes = volume.original.length * sectorBytes;
    if (engine.device.sizeBytes !== volumeBytes)
      return `the volume has ${engine.device.sizeBytes} bytes instead of ${volumeBytes}`;
    const read = Buffer.alloc(volumeBytes);
    await engine.device.read(read, 0);
    wrong = judge(model, read);
    if (wrong !== undefined || !options.toTheEnd) return wrong;
    engine.startBackground();
    const state = await engine.ended();
    if (state !== 'restored') return `the restore ended ${state}: ${engine.trouble?.message}`;
  } finally {
    await close();
  }
  const bytes = await readFile(path);
  return judge(model, bytes);
}

/** The first sector that may not read so. */
export function judge(model: Model, bytes: Buffer): string | undefined {
  if (bytes.length !== model.sectorCount * sectorBytes) return `the file has ${bytes.length} bytes`;
  for (const [index, sector] of sectorsOf(bytes).entries()) {
    const wrong = model.read(index, sector);
    if (wrong) return wrong;
  }
  return undefined;
}
