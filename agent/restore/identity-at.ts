import { stat } from 'node:fs/promises';
import type { TargetIdentity } from '../../core/restore/descriptor.ts';
import { fileError } from '../nbd/file-device.ts';
import { errnoOf } from '../state/versioned-file.ts';
import { deviceSerial, deviceSizeBytes } from './block-device-facts.ts';

export function fileIdentity(info: { ino: bigint; birthtimeNs: bigint }): TargetIdentity {
  return { kind: 'file', inode: String(info.ino), bornAtNs: String(info.birthtimeNs) };
}

/** Whether `path` is the disk of that identity, without opening it; undefined where nothing is there. */
export async function identityAt(
  path: string,
): Promise<{ identity: TargetIdentity; sizeBytes: number } | undefined> {
  try {
    const info = await stat(path, { bigint: true });
    if (info.isFile()) return { identity: fileIdentity(info), sizeBytes: Number(info.size) };
    const rdev = Number(info.rdev);
    const sizeBytes = await deviceSizeBytes(rdev);
    return { identity: { kind: 'device', serial: await deviceSerial(rdev), sizeBytes }, sizeBytes };
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT' || errnoOf(cause) === 'ENOTDIR') return undefined;
    throw fileError('look at', path, cause);
  }
}
