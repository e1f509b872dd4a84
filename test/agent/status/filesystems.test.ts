import { parseDeviceTypes, realMounts } from '../../../agent/status/filesystems.ts';
import { parseMounts } from '../../../agent/status/proc.ts';

const types = parseDeviceTypes('nodev\tproc\nnodev\toverlay\n\text4\n\tsquashfs\n');
const line = (device: string, root: string, path: string, type: string): string =>
  `1 2 ${device} ${root} ${path} rw,relatime shared:1 - ${type} /dev/x rw`;
const kept = (...lines: string[]): string[] =>
  realMounts(parseMounts(lines.join('\n')), types).map(({ path }) => path);

describe('which file systems are reported', () => {
  it('one mount a file system: its own root before a part of it, then the shortest path', () => {
    expect(kept(line('8:1', '/part', '/a', 'ext4'), line('8:1', '/', '/srv/data', 'ext4'))).toEqual([
      '/srv/data',
    ]);
    expect(kept(line('8:1', '/', '/srv/data', 'ext4'), line('8:1', '/part', '/a', 'ext4'))).toEqual([
      '/srv/data',
    ]);
    expect(kept(line('8:1', '/', '/long/path', 'ext4'), line('8:1', '/', '/p', 'ext4'))).toEqual(['/p']);
  });

  it('the root of a container, and the disk behind a file that was mounted into it', () => {
    expect(
      kept(
        line('0:40', '/', '/', 'overlay'),
        line('0:41', '/', '/inner', 'overlay'),
        line('8:1', '/var/lib/docker/hosts', '/etc/hosts', 'ext4'),
      ),
    ).toEqual(['/', '/etc/hosts']);
  });

  it('pools without a device, but no images, networks or memory', () => {
    const all = [
      line('0:60', '/', '/tank', 'zfs'),
      line('7:0', '/', '/snap/core', 'squashfs'),
      line('0:5', '/', '/proc', 'proc'),
      line('0:51', '/', '/mnt/nas', 'nfs4'),
    ];
    expect(kept(...all)).toEqual(['/tank']);
  });

  it('a bounded number, whatever a container engine mounts', () => {
    const many = Array.from({ length: 1000 }, (_, i) => line(`9:${i}`, '/', `/m${i}`, 'ext4'));
    expect(kept(...many)).toHaveLength(64);
  });

  it('lines that are none are passed over', () => {
    expect(kept('', 'garbage', '1 2 8:1 / /x rw', line('8:1', '/', '/a\\040b\\134c', 'ext4'))).toEqual([
      '/a b\\c',
    ]);
  });
});
