import { createFilesystemReader } from '../../../agent/status/filesystems.ts';
import { isForcedReadOnly, readDeviceErrors } from '../../../agent/status/filesystem-errors.ts';
import { parseMounts } from '../../../agent/status/proc.ts';
import { recordedHost, recordedText } from './recorded-host.ts';

const mountOf = (line: string) => parseMounts(line)[0]!;
const ext4 = (options: string, superOptions: string) =>
  mountOf(`42 27 7:0 / /mnt ${options},relatime - ext4 /dev/loop0 ${superOptions}`);

describe('a file system that nobody can write to', () => {
  it('is told from one that was mounted so', () => {
    const forced = parseMounts(recordedText('mountinfo')).filter(isForcedReadOnly);
    expect(forced.map(({ path }) => path)).toEqual(['/mnt/after-an-error']);
  });

  it.each([
    ['made read-only by the kernel', 'rw', 'ro,errors=remount-ro', true],
    ['shut down', 'rw', 'rw,shutdown', true],
    ['remounted read-only by somebody', 'ro', 'ro', false],
    ['a read-only bind of one that is written to', 'ro', 'rw', false],
    ['writable', 'rw', 'rw,errors=remount-ro', false],
  ])('is known where it is %s', (_what, options, superOptions, is) => {
    expect(isForcedReadOnly(ext4(options, superOptions))).toBe(is);
  });

  it('comes first in a heartbeat, before fuller ones', async () => {
    const host = recordedHost();
    host.texts['/proc/self/mountinfo'] = host.texts['/proc/self/mountinfo']!.replace(
      'ext4 /dev/nvme0n1p1 rw',
      'ext4 /dev/nvme0n1p1 rw,emergency_ro',
    );
    const { filesystems } = await createFilesystemReader(host, 100)();
    expect(filesystems).toMatchObject([{ mount: '/', readOnly: true }, { mount: '/srv/with blank' }]);
  });
});

describe('errors of a file system', () => {
  it('are those that ext4 keeps, whatever its device is called below /dev', async () => {
    const host = recordedHost();
    const mount = mountOf('1 2 259:1 / /data rw - ext4 /dev/mapper/vg-data rw');
    expect(await readDeviceErrors(host, mount)).toBe(0);
    host.texts['/sys/fs/ext4/nvme0n1p1/errors_count'] = '17\n';
    expect(await readDeviceErrors(host, mount)).toBe(17);
    const { filesystems } = await createFilesystemReader(host, 100)();
    expect(filesystems[0]).toMatchObject({ mount: '/', deviceErrors: 17 });
  });

  it('are those of all members of a btrfs pool', async () => {
    const host = recordedHost();
    const pool = '/sys/fs/btrfs/9f1a2b3c-0000-4000-8000-0123456789ab';
    const other = '/sys/fs/btrfs/0a0b0c0d-0000-4000-8000-0123456789ab';
    const stats = (write: number) =>
      `write_errs ${write}\nread_errs 1\nflush_errs 0\ncorruption_errs 2\ngeneration_errs 0\n`;
    host.folders['/sys/fs/btrfs'] = ['features', other.slice(14), pool.slice(14)];
    host.folders[`${other}/devices`] = ['sdx'];
    host.folders[`${pool}/devices`] = ['sda1', 'sdb1'];
    host.folders[`${pool}/devinfo`] = ['1', '2'];
    host.texts[`${pool}/devinfo/1/error_stats`] = stats(0);
    host.texts[`${pool}/devinfo/2/error_stats`] = stats(4);
    const mount = mountOf('1 2 0:44 / /data rw - btrfs /dev/sda1 rw');
    expect(await readDeviceErrors(host, mount)).toBe(10);
    expect(await readDeviceErrors(host, { ...mount, source: '/dev/sdc1' })).toBeUndefined();
  });

  it('are unknown where nobody counts them', async () => {
    expect(
      await readDeviceErrors(recordedHost(), mountOf('1 2 8:1 / /x rw - xfs /dev/sda1 rw')),
    ).toBeUndefined();
    expect(
      await readDeviceErrors(recordedHost(), mountOf('1 2 8:9 / /x rw - ext4 /dev/sda9 rw')),
    ).toBeUndefined();
  });

  it('are read every ten seconds, however often somebody looks', async () => {
    const host = recordedHost();
    let count = 0;
    const { readText } = host;
    host.readText = (path) => {
      if (path.endsWith('errors_count')) count++;
      return readText(path);
    };
    const read = createFilesystemReader(host, 100);
    for (let second = 0; second < 60; second++) {
      await read();
      host.at += 1_000;
    }
    expect(count).toBe(6);
  });
});
