import { readFileSync } from 'node:fs';
import type { Host } from '../../../agent/status/host.ts';

/** A file beside this one; its README says where each is from. */
export const recordedText = (name: string): string =>
  readFileSync(new URL(`recorded/${name}`, import.meta.url), 'utf8');

/** Texts of /proc and /sys as a Debian 12 server had them, shortened. Tests replace what they are about. */
const recorded: Record<string, string> = {
  '/proc/stat': 'cpu  1000 10 490 8000 400 0 100 0 50 0\ncpu0 500 5 245 4000 200 0 50 0 0 0\nintr 123\n',
  '/proc/loadavg': '1.25 0.80 0.50 2/345 6789\n',
  '/proc/meminfo':
    'MemTotal:        8000000 kB\nMemFree:          500000 kB\nMemAvailable:    6000000 kB\nBuffers: 1 kB\n',
  '/proc/uptime': '2535.30 2632.54\n',
  '/proc/vmstat': 'pgfault 1\noom_kill 3\n',
  '/proc/pressure/cpu':
    'some avg10=91.33 avg60=80.45 avg300=79.61 total=855117213\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n',
  '/proc/pressure/memory': 'some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n',
  '/proc/pressure/io': 'some avg10=0.01 avg60=12.50 avg300=0.35 total=20060745\n',
  '/proc/diskstats':
    '   7       0 loop0 9 0 0 0 9 0 0 0 0 9 0 0 0 0 0 0 0\n' +
    ' 259       0 nvme0n1 1000 0 80000 500 2000 0 160000 4000 0 3000 4500 0 0 0 0 0 0\n' +
    ' 259       1 nvme0n1p1 900 0 70000 400 1900 0 150000 3900 0 2900 4300 0 0 0 0 0 0\n' +
    '   8       0 sda 10 0 80 5 20 0 160 40 0 30 45\n',
  '/proc/net/dev':
    'Inter-|   Receive                                                |  Transmit\n' +
    ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n' +
    '    lo: 15154221   18085    0    0    0     0          0         0 15154221   18085    0    0    0     0       0          0\n' +
    '  eth0: 100000   36135    2    5    0     0          0         0  200000   21831    1    0    0     0       0          0\n',
  '/proc/filesystems':
    'nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\toverlay\nnodev\tnfs4\n\text4\n\tsquashfs\n\txfs\n\tbtrfs\n\tvfat\n',
  '/proc/self/mountinfo':
    '22 27 0:21 / /proc rw,relatime - proc proc rw\n' +
    '25 24 0:23 / /dev/shm rw,relatime - tmpfs tmpfs rw\n' +
    '27 1 259:1 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p1 rw\n' +
    '28 27 8:1 / /srv/with\\040blank rw - xfs /dev/sda1 rw\n' +
    '29 27 259:1 /var/lib /a rw - ext4 /dev/nvme0n1p1 rw\n' +
    '30 27 7:0 / /snap/core ro - squashfs /dev/loop0 ro\n' +
    '31 27 0:50 / /mnt/nas rw - nfs4 nas:/x rw\n' +
    '32 27 0:51 / /var/lib/docker/x rw - overlay overlay rw\n',
  '/proc/cpuinfo':
    'processor\t: 0\nmodel name\t: AMD EPYC 7B13\n\nprocessor\t: 1\nmodel name\t: AMD EPYC 7B13\n',
  '/proc/sys/kernel/osrelease': '6.1.0-18-amd64\n',
  '/etc/os-release': 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\n',
  '/sys/block/nvme0n1/size': '1000215216\n',
  '/sys/block/nvme0n1/device/model': 'SAMSUNG MZVL2512HCJQ\n',
  '/sys/block/sda/size': '7814037168\n',
  '/sys/class/net/eth0/address': '52:54:00:12:34:56\n',
  '/sys/class/net/eth0/device/uevent': 'DRIVER=ixgbe\nPCI_CLASS=20000\n',
  '/proc/net/snmp': recordedText('snmp'),
  '/proc/sys/kernel/random/boot_id': 'b0da5f0f-f60f-453f-9dc6-3d484b182b25\n',
  '/sys/dev/block/259:1/uevent': 'MAJOR=259\nMINOR=1\nDEVNAME=nvme0n1p1\nDEVTYPE=partition\n',
  '/sys/fs/ext4/nvme0n1p1/errors_count': '0\n',
  '/sys/block/nvme0n1/removable': '0\n',
  '/sys/block/nvme0n1/device/state': 'live\n',
  '/sys/block/nvme0n1/device/firmware_rev': 'GXA7301Q\n',
  '/sys/block/nvme0n1/device/serial': 'S64KNX0T123456\n',
  '/sys/block/nvme0n1/device/hwmon1/temp1_input': '38850\n',
  '/sys/block/nvme0n1/device/hwmon1/temp1_max': '84850\n',
  '/sys/block/sda/removable': '0\n',
  '/sys/block/sda/device/state': 'running\n',
  '/sys/block/sda/device/rev': 'C232\n',
  '/sys/block/sda/device/wwid': 'naa.5000c500a1b2c3d4\n',
  '/sys/block/sda/device/hwmon/hwmon2/temp1_input': '31000\n',
  '/sys/block/sda/device/hwmon/hwmon2/temp1_max': '60000\n',
};
const recordedFolders: Record<string, string[]> = {
  '/sys/block': ['loop0', 'nvme0n1', 'sda'],
  '/sys/block/loop0': ['size', 'queue'],
  '/sys/block/nvme0n1': ['size', 'device', 'nvme0n1p1', 'removable'],
  '/sys/block/nvme0n1/device': ['hwmon1', 'model', 'nvme0n1', 'state'],
  '/sys/block/sda': ['size', 'device', 'sda1', 'sda2', 'removable'],
  '/sys/block/sda/device': ['block', 'hwmon', 'state'],
  '/sys/block/sda/device/hwmon': ['hwmon2'],
  '/sys/block/sda/sda2/holders': ['md0'],
  '/sys/class/net': ['lo', 'eth0'],
  '/sys/class/net/lo': ['address'],
  '/sys/class/net/eth0': ['address', 'device'],
};

export interface RecordedHost extends Host {
  /** Change them to let the host change; a text set to undefined is not there. */
  texts: Record<string, string | undefined>;
  folders: Record<string, string[] | undefined>;
  sizes: Record<string, { bsize: number; blocks: number; bfree: number; bavail: number }>;
  at: number;
}

export function recordedHost(): RecordedHost {
  const host: RecordedHost = {
    texts: { ...recorded },
    folders: { ...recordedFolders },
    sizes: {
      '/': { bsize: 4096, blocks: 1000, bfree: 500, bavail: 450 },
      '/srv/with blank': { bsize: 4096, blocks: 2000, bfree: 100, bavail: 100 },
    },
    at: Date.UTC(2026, 10, 22),
    readText: async (path) => {
      const text = host.texts[path];
      if (text === undefined) throw new Error(`ENOENT: ${path}`);
      return text;
    },
    list: async (path) => {
      const names = host.folders[path];
      if (!names) throw new Error(`ENOENT: ${path}`);
      return [...names];
    },
    statfs: async (path) => {
      const sizes = host.sizes[path];
      if (!sizes) throw new Error(`ENOENT: ${path}`);
      return sizes;
    },
    hostname: () => 'gw-17',
    residentBytes: () => 91_234_567,
    eventLoopDelayP99Ms: () => 21.4567,
    now: () => host.at,
  };
  return host;
}

export const versions = { agentVersion: '1.2.3', nodeVersion: 'v24.21.0', arch: 'x64' };
