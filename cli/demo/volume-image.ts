import { createHash } from 'node:crypto';
import { copyFile, mkdir, open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { HoldfastError } from '../../core/errors.ts';
import type { Processes } from './processes.ts';

/** A real ext4 file system, made of real files of this machine. */
export interface VolumeImage {
  path: string;
  sizeBytes: number;
  files: ImageFile[];
}
/** A file in the image and where its data stands in the volume. */
export interface ImageFile {
  name: string;
  content: Buffer;
  /** Byte offset in the volume of each 4 KiB block of the file, in order. */
  offsetsBytes: number[];
}
export const fsBlockBytes = 4_096;

const sources = ['/usr/bin', '/usr/sbin', '/usr/lib', '/usr/share'];
const followed = 40;

/** Fills a directory with about `dataBytes` of this machine's files and makes an ext4 image of `sizeBytes` from it. */
export async function buildImage(
  processes: Processes,
  dir: string,
  path: string,
  sizeBytes: number,
  dataBytes: number,
): Promise<VolumeImage> {
  const names = await gather(dir, dataBytes);
  await processes.must('mke2fs', [
    '-q',
    '-F',
    '-t',
    'ext4',
    '-b',
    String(fsBlockBytes),
    '-d',
    dir,
    path,
    `${sizeBytes / 1024}k`,
  ]);
  const step = Math.max(1, Math.floor(names.length / followed));
  const files: ImageFile[] = [];
  for (let i = 0; i < names.length; i += step) {
    const name = names[i];
    if (name === undefined) break;
    const content = await readFile(join(dir, name));
    const blocks = await processes.must('debugfs', ['-R', `blocks /${name}`, path]);
    const offsetsBytes = blocks
      .trim()
      .split(/\s+/)
      .map((block) => Number(block) * fsBlockBytes);
    // Extents are listed without their tree's own blocks only where the file is small; others are left alone.
    if (offsetsBytes.length === Math.ceil(content.length / fsBlockBytes))
      files.push({ name, content, offsetsBytes });
  }
  if (files.length < 8)
    throw new HoldfastError('STEP_FAILED', 'too few files of this machine fit into the volume');
  return { path, sizeBytes, files };
}

async function gather(dir: string, dataBytes: number): Promise<string[]> {
  await mkdir(dir, { recursive: true });
  const names: string[] = [];
  let total = 0;
  for (const source of sources) {
    const entries = await readdir(source, { recursive: true, withFileTypes: true });
    for (const entry of entries) {
      if (total >= dataBytes) return names;
      const from = join(entry.parentPath, entry.name);
      if (!entry.isFile()) continue;
      const { size } = await stat(from);
      if (size < 16_384 || size > 2_000_000) continue;
      const name = `${String(names.length).padStart(5, '0')}`;
      await copyFile(from, join(dir, name)).then(
        () => {
          names.push(name);
          total += size;
        },
        () => undefined,
      );
    }
  }
  return names;
}

/** SHA-256 of each 4 KiB block of the image. */
export async function blockHashes(path: string): Promise<string[]> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const hashes: string[] = [];
    const buffer = Buffer.alloc(1 << 20);
    for (let at = 0; at < size; at += buffer.length) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
      for (let i = 0; i < bytesRead; i += fsBlockBytes)
        hashes.push(
          createHash('sha256')
            .update(buffer.subarray(i, i + fsBlockBytes))
            .digest('base64'),
        );
    }
    return hashes;
  } finally {
    await file.close();
  }
}
