import type { Host } from './host.ts';
import { readCount } from './memory-errors.ts';
import type { Mount } from './proc.ts';

/**
 * Should be writable, and nobody can write: the kernel made it so after an error. It sets `ro` for the file system and
 * leaves the mount `rw`, where whoever asks for `ro` gets both; ext4 of newer kernels says so by a word of its own.
 */
export function isForcedReadOnly({ options, superOptions }: Mount): boolean {
  if (superOptions.includes('emergency_ro') || superOptions.includes('shutdown')) return true;
  return options.includes('rw') && superOptions.includes('ro');
}

/**
 * Errors that the kernel counted on it: ext4 keeps them in the file system until it is checked (e2fsck), btrfs until
 * `btrfs device stats -z`. Undefined where it does not count, as xfs.
 */
export async function readDeviceErrors(host: Host, mount: Mount): Promise<number | undefined> {
  if (mount.type === 'ext4' || mount.type === 'ext3' || mount.type === 'ext2') {
    const name = await deviceName(host, mount.device);
    return name === undefined ? undefined : readCount(host, `/sys/fs/ext4/${name}/errors_count`);
  }
  return mount.type === 'btrfs' ? readBtrfsErrors(host, mount) : undefined;
}

/** `8:1` → `sda1`, also for what has another name below /dev. */
async function deviceName(host: Host, device: string): Promise<string | undefined> {
  if (!/^\d+:\d+$/.test(device)) return undefined;
  const uevent = await host.readText(`/sys/dev/block/${device}/uevent`).catch(() => '');
  return /^DEVNAME=([\w-]{1,32})$/m.exec(uevent)?.[1];
}

const poolsMax = 16;
const membersMax = 32;

/** Its mounts have a device number of their own: the pool is the one that names the mount's source as a member. */
async function readBtrfsErrors(host: Host, { source }: Mount): Promise<number | undefined> {
  const root = '/sys/fs/btrfs';
  const pools = (await host.list(root).catch((): string[] => [])).filter((name) =>
    /^[0-9a-f-]{36}$/.test(name),
  );
  for (const pool of pools.slice(0, poolsMax)) {
    const names = await host.list(`${root}/${pool}/devices`).catch((): string[] => []);
    if (!names.some((name) => `/dev/${name}` === source)) continue;
    const members = await host.list(`${root}/${pool}/devinfo`).catch((): string[] => []);
    const stats = await Promise.all(
      members
        .filter((member) => /^\d+$/.test(member))
        .slice(0, membersMax)
        .map((member) => host.readText(`${root}/${pool}/devinfo/${member}/error_stats`).catch(() => '')),
    );
    const counts = stats.flatMap((text) => [...text.matchAll(/^\w+_errs (\d{1,15})$/gm)]);
    return counts.length === 0 ? undefined : counts.reduce((sum, [, count]) => sum + Number(count), 0);
  }
  return undefined;
}
