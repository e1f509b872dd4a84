import type { ChildProcess } from 'node:child_process';
import type { AlertView } from '../../core/api.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { NbdClient } from './nbd-client.ts';
import { fsBlockBytes, type ImageFile, type VolumeImage } from './volume-image.ts';
import type { World } from './world.ts';

/** What the steps of the story hand on to each other. */
export interface Scene {
  world: World;
  /** Restored fraction at which the agent is killed, strictly between 0 and 1. */
  killAt: number;
  agents: Record<string, ChildProcess>;
  gatewayIds: Record<string, string>;
  image?: VolumeImage;
  /** SHA-256 of each 4 KiB block when the last snapshot was taken. */
  hashes: string[];
  alert?: AlertView;
  /** `performance.now()` when the restore had begun. */
  restoreStartedMs?: number;
  /** Volume offsets that were written and flushed during the restore, with what was written. */
  written: Map<number, Buffer>;
}

export const volumeId = 'vol-a';
export const imageBytes = 320 * 1024 * 1024;
export const fileBytes = 150 * 1024 * 1024;
/** Files at the front of the image's list are changed between the snapshots; the others stay as they were built. */
export const changedFiles = 3;

export const broken = (message: string): HoldfastError => new HoldfastError('STEP_FAILED', message);

export function gatewayId(scene: Scene, agent: string): string {
  const id = scene.gatewayIds[agent];
  if (!id) throw broken(`gateway ${agent} has no id`);
  return id;
}
export function image(scene: Scene): VolumeImage {
  if (!scene.image) throw broken('there is no volume yet');
  return scene.image;
}

/** Reads the start of a file's data through the block server and compares it with the file. Throws STEP_FAILED. */
export async function expectContent(nbd: NbdClient, file: ImageFile): Promise<void> {
  for (const [i, offset] of file.offsetsBytes.slice(0, 16).entries()) {
    const expected = file.content.subarray(i * fsBlockBytes, (i + 1) * fsBlockBytes);
    const read = await nbd.read(offset, fsBlockBytes);
    if (!read.subarray(0, expected.length).equals(expected))
      throw broken(`file ${file.name} does not read as it was (block ${i})`);
  }
}
