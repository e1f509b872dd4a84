import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { linuxHost, type Host } from '../../agent/status/host.ts';

/** Disks and file systems of a gateway that is larger than most. */
const diskCount = 24;
const filesystemCount = 16;
const letters = 'abcdefghijklmnopqrstuvwx';

/** What the kernel of such a host shows below /proc and /sys, as files that are really read. */
export function makeLargeHost(folder: string): Host {
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), `${text}\n`);
  };
  const names = [...letters].slice(0, diskCount).map((letter) => `sd${letter}`);
  for (const name of names) writeDisk(write, name);
  write('/sys/block/md0/md/array_state', 'clean');
  write('/proc/mdstat', mdstat(names));
  for (const mc of [0, 1, 2, 3]) {
    write(`/sys/devices/system/edac/mc/mc${mc}/ce_count`, '0');
    write(`/sys/devices/system/edac/mc/mc${mc}/ue_count`, '0');
  }
  const mounts = Array.from({ length: filesystemCount }, (_, i) => i + 1);
  for (const minor of mounts) {
    write(`/sys/dev/block/253:${minor}/uevent`, `DEVNAME=dm-${minor}`);
    write(`/sys/fs/ext4/dm-${minor}/errors_count`, '0');
  }
  const lines = mounts.map((i) => `${i} 1 253:${i} / /srv/${i} rw - ext4 /dev/mapper/vg-${i} rw`);
  write('/proc/self/mountinfo', [...lines, ...manyMounts()].join('\n'));
  const counters = names.map((name, i) => `8 ${16 * i} ${name} 1000 0 8000 500 2000 0 16000 900 0 1000 1400`);
  write('/proc/diskstats', counters.join('\n'));
  return hostBelow(folder);
}

type Write = (path: string, text: string) => void;

function writeDisk(write: Write, name: string): void {
  const root = `/sys/block/${name}`;
  write(`${root}/removable`, '0');
  write(`${root}/size`, '23437770752');
  write(`${root}/device/state`, 'running');
  write(`${root}/device/model`, 'ST12000NM0027');
  write(`${root}/device/rev`, 'E004');
  write(`${root}/device/wwid`, `naa.5000c500a1b2c3${name}`);
  write(`${root}/device/power/runtime_status`, 'active');
  write(`${root}/device/hwmon/hwmon3/temp1_input`, '34000');
  write(`${root}/holders/md0/size`, '1');
}

const mdstat = (names: readonly string[]): string =>
  `Personalities : [raid6]\nmd0 : active raid6 ${names.map((name, i) => `${name}[${i}]`).join(' ')}\n` +
  `      257815480320 blocks super 1.2 level 6, 512k chunk, algorithm 2 [${diskCount}/${diskCount}] [${'U'.repeat(diskCount)}]\n`;

/** A container engine's. */
const manyMounts = (): string[] =>
  Array.from(
    { length: 200 },
    (_, i) => `${1000 + i} 1 0:${100 + i} / /var/lib/c/${i} rw - overlay overlay rw`,
  );

/** What the tree has is read from there, the rest from this machine; file systems answer as this one's root. */
function hostBelow(folder: string): Host {
  const real = linuxHost();
  const either = <T>(path: string, read: (path: string) => Promise<T>): Promise<T> =>
    read(join(folder, path)).catch(() => read(path));
  return {
    ...real,
    readText: (path) => either(path, real.readText),
    list: (path) => either(path, real.list),
    statfs: () => real.statfs('/'),
  };
}
