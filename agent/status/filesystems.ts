import { filesystemStatusSchema, type FilesystemStatus } from '../../core/status.ts';
import { isForcedReadOnly, readDeviceErrors } from './filesystem-errors.ts';
import { parseMounts, type Mount } from './proc.ts';
import type { Host } from './host.ts';

/** How many file systems a heartbeat may name; the fullest ones. */
export const filesystemsMax = 8;
/** So many are asked for their sizes; a host with more of them has them from a container engine. */
const mountsAskedMax = 64;
const mountCharsMax = 128;

/** Full by nature: they are images that nobody writes to. */
const imageTypes = new Set(['squashfs', 'iso9660', 'udf', 'erofs', 'cramfs', 'romfs']);
/** On a disk although the kernel lists them without a device. */
const poolTypes = new Set(['zfs']);

/**
 * Mounts whose filling up matters: file systems on a disk, each once (its own root, shortest path), and the root of
 * a container. `deviceTypes` are the types that /proc/filesystems lists without `nodev`.
 */
export function realMounts(mounts: readonly Mount[], deviceTypes: ReadonlySet<string>): Mount[] {
  const byDevice = new Map<string, Mount>();
  for (const mount of mounts) {
    const onDisk = deviceTypes.has(mount.type) || poolTypes.has(mount.type);
    const containerRoot = mount.type === 'overlay' && mount.path === '/';
    if ((!onDisk && !containerRoot) || imageTypes.has(mount.type)) continue;
    const known = byDevice.get(mount.device);
    if (!known || isBetter(mount, known)) byDevice.set(mount.device, mount);
  }
  return [...byDevice.values()].slice(0, mountsAskedMax);
}

function isBetter(a: Mount, b: Mount): boolean {
  if (a.whole !== b.whole) return a.whole;
  return a.path.length < b.path.length;
}

/** /proc/filesystems: the types that live on a block device. */
export function parseDeviceTypes(text: string): Set<string> {
  return new Set(
    text
      .split('\n')
      .filter((line) => line.startsWith('\t'))
      .map((line) => line.trim()),
  );
}

export interface FilesystemsRead {
  /** The most telling ones, with an error first, then the fullest. */
  filesystems: FilesystemStatus[];
  /** Whether every file system answered, so that those that are not named are well. */
  isWhole: boolean;
}

/** Errors are rare, and who looks each second need not know at once. */
const errorsEveryMs = 10_000;

/**
 * Sizes as `df` reckons them: what is reserved for root counts as neither size nor free, so 0 bytes free is 100 %.
 * A file system that does not answer within `waitMs` (a dead disk) is left out, and not asked again before it has
 * answered: each such call holds one of the few threads that all file I/O shares.
 */
export function createFilesystemReader(host: Host, waitMs: number): () => Promise<FilesystemsRead> {
  const asked = new Map<string, ReturnType<Host['statfs']>>();
  const errorsOf = createErrorReader(host);
  const ask = async (mount: Mount): Promise<FilesystemStatus | undefined> => {
    const { path, device } = mount;
    const answer = asked.get(device) ?? host.statfs(path).finally(() => asked.delete(device));
    asked.set(device, answer);
    const found = await within(waitMs, answer).catch(() => undefined);
    if (!found) return undefined;
    const { bsize, blocks, bfree, bavail } = found;
    const deviceErrors = await errorsOf(mount);
    const status = {
      mount: path.slice(0, mountCharsMax),
      sizeBytes: (blocks - bfree + bavail) * bsize,
      freeBytes: bavail * bsize,
      ...(isForcedReadOnly(mount) && { readOnly: true }),
      ...(deviceErrors && { deviceErrors }),
    };
    // A server's file system may claim any size: with one that is no number the whole heartbeat would be refused.
    return filesystemStatusSchema.safeParse(status).success ? status : undefined;
  };
  return async () => {
    const [mountinfo, types] = await Promise.all([
      host.readText('/proc/self/mountinfo'),
      host.readText('/proc/filesystems'),
    ]);
    const mounts = realMounts(parseMounts(mountinfo), parseDeviceTypes(types));
    const answers = await Promise.all(mounts.map(ask));
    const found = answers.filter((fs) => fs !== undefined);
    const filesystems = found
      .filter(({ sizeBytes }) => sizeBytes > 0)
      .sort((a, b) => Number(hasError(b)) - Number(hasError(a)) || usedOf(b) - usedOf(a))
      .slice(0, filesystemsMax);
    return { filesystems, isWhole: found.length === mounts.length };
  };
}

/** Whether something is wrong with it beside that it fills up. */
export const hasError = ({ readOnly, deviceErrors }: FilesystemStatus): boolean =>
  readOnly === true || deviceErrors !== undefined;

function createErrorReader(host: Host): (mount: Mount) => Promise<number | undefined> {
  const known = new Map<string, { at: number; errors: Promise<number | undefined> }>();
  return (mount) => {
    const last = known.get(mount.device);
    const age = host.now() - (last?.at ?? -Infinity);
    if (last && age >= 0 && age < errorsEveryMs) return last.errors;
    if (known.size > mountsAskedMax) known.clear();
    const errors = readDeviceErrors(host, mount);
    known.set(mount.device, { at: host.now(), errors });
    return errors;
  };
}

/** Used fraction, 0 … 1. */
export function usedOf({ sizeBytes, freeBytes }: FilesystemStatus): number {
  return sizeBytes === 0 ? 0 : 1 - freeBytes / sizeBytes;
}

function within<T>(waitMs: number, promise: Promise<T>): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(undefined), waitMs);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
