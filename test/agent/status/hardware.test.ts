import { createHardwareReader } from '../../../agent/status/hardware.ts';
import { emptyRoll, stepRoll, type DiskRoll } from '../../../agent/status/disk-roll.ts';
import type { DiskLook } from '../../../agent/status/disk-look.ts';
import { createSmartReader } from '../../../agent/status/smart-reader.ts';
import { recordedHost, recordedText, type RecordedHost } from './recorded-host.ts';

const readerOf = (host: RecordedHost, roll?: DiskRoll) => createHardwareReader({ host, roll });
const diskOf = async (host: RecordedHost, name: string) =>
  (await readerOf(host)()).disks?.find((disk) => disk.name === name);
const bootId = 'b0da5f0f-f60f-453f-9dc6-3d484b182b25';

describe('disks', () => {
  it('are those of the host, with the temperature of their sensors', async () => {
    expect((await readerOf(recordedHost())()).disks).toEqual([
      { name: 'nvme0n1', state: 'ok', temperatureC: 38.85, temperatureLimitC: 85, smart: undefined },
      { name: 'sda', state: 'ok', temperatureC: 31, temperatureLimitC: 60, smart: undefined },
    ]);
  });

  it.each([
    ['recommends 25 °C', '25000\n'],
    ['says none', undefined],
    ['has the greatest number for none', '65261850\n'],
    ['says 0', '0\n'],
    ['says no number', 'N/A\n'],
  ])('have no limit of their own where the sensor %s', async (_what, text) => {
    const host = recordedHost();
    host.texts['/sys/block/sda/device/hwmon/hwmon2/temp1_max'] = text;
    expect(await diskOf(host, 'sda')).toMatchObject({ temperatureC: 31, temperatureLimitC: undefined });
  });

  it.each([
    ['sda', 'offline'],
    ['sda', 'transport-offline'],
    ['nvme0n1', 'dead'],
  ])('fail when the driver of %s says %s', async (name, state) => {
    const host = recordedHost();
    host.texts[`/sys/block/${name}/device/state`] = `${state}\n`;
    expect(await diskOf(host, name)).toMatchObject({ state: 'failed' });
  });

  it.each(['blocked', 'quiesce', 'running', 'resetting', ''])(
    'do not fail for %p, which passes',
    async (state) => {
      const host = recordedHost();
      host.texts['/sys/block/sda/device/state'] = state;
      expect(await diskOf(host, 'sda')).toMatchObject({ state: 'ok' });
    },
  );

  it('with two NVMe controllers fail with both of them', async () => {
    const host = recordedHost();
    host.texts['/sys/block/nvme0n1/device/state'] = undefined;
    host.folders['/sys/block/nvme0n1/device'] = ['nvme0', 'nvme1'];
    host.folders['/sys/block/nvme0n1/device/nvme1'] = ['hwmon4'];
    host.texts['/sys/block/nvme0n1/device/nvme0/state'] = 'dead\n';
    host.texts['/sys/block/nvme0n1/device/nvme1/state'] = 'live\n';
    host.texts['/sys/block/nvme0n1/device/nvme1/hwmon4/temp1_input'] = '41000\n';
    expect(await diskOf(host, 'nvme0n1')).toMatchObject({ state: 'ok', temperatureC: 41 });
    host.texts['/sys/block/nvme0n1/device/nvme1/state'] = 'dead\n';
    expect(await diskOf(host, 'nvme0n1')).toMatchObject({ state: 'failed' });
  });

  it('that can be taken out are none', async () => {
    const host = recordedHost();
    host.texts['/sys/block/sda/removable'] = '1\n';
    expect(await diskOf(host, 'sda')).toBeUndefined();
  });

  it('that sleep are not asked for their temperature', async () => {
    const host = recordedHost();
    host.texts['/sys/block/sda/device/power/runtime_status'] = 'suspended\n';
    expect(await diskOf(host, 'sda')).toMatchObject({ temperatureC: undefined });
  });

  it('are looked at every ten seconds, however often somebody asks, and their sensors every five minutes', async () => {
    const host = recordedHost();
    const asked: string[] = [];
    const { readText } = host;
    host.readText = (path) => {
      asked.push(path);
      return readText(path);
    };
    const count = (end: string) => asked.filter((path) => path.endsWith(end)).length;
    const read = readerOf(host);
    for (let second = 0; second <= 300; second++) {
      await read();
      host.at += 1_000;
    }
    expect(count('sda/device/state')).toBe(31);
    expect(count('hwmon2/temp1_input')).toBe(2);
  });

  it('are unknown, and no error, where the kernel lists none', async () => {
    const host = recordedHost();
    host.folders['/sys/block'] = undefined;
    expect(await readerOf(host)()).toMatchObject({ disks: undefined, arrays: [] });
  });

  it('say what they said of themselves, the virtual ones nothing', async () => {
    const host = recordedHost();
    host.folders['/sys/block'] = ['sda', 'vda'];
    const asked: string[] = [];
    const { promise: answer, resolve } = Promise.withResolvers<string>();
    const smart = createSmartReader({
      now: () => host.at,
      ask: (name) => {
        asked.push(name);
        return answer;
      },
    });
    const read = createHardwareReader({ host, smart });
    expect((await read()).disks).toMatchObject([
      { name: 'sda', smart: undefined },
      { name: 'vda', smart: {} },
    ]);
    resolve(recordedText('smartctl-ata-failing.json'));
    await new Promise(setImmediate);
    host.at += 10_000;
    expect(await read()).toMatchObject({
      disks: [{ smart: { smart: { isFailing: true } }, temperatureC: 31 }, { smart: {} }],
      isSmartAnswered: true,
    });
    expect(asked).toEqual(['sda']);
  });
});

describe('a disk that is gone', () => {
  const without = (name: string) => {
    const host = recordedHost();
    host.folders['/sys/block'] = host.folders['/sys/block']!.filter((disk) => disk !== name);
    return host;
  };

  it.each([
    ['with a mounted file system', 'nvme0n1'],
    ['with a member of an array', 'sda'],
  ])('%s is missing, also for an agent that starts later', async (_what, name) => {
    let kept = emptyRoll;
    const host = recordedHost();
    await createHardwareReader({ host, keepRoll: (roll) => (kept = roll) })();
    expect(kept).toEqual({ hostBootId: bootId, inUse: ['nvme0n1', 'sda'] });
    const { disks } = await readerOf(without(name), kept)();
    expect(disks?.[0]).toMatchObject({ name, state: 'missing' });
    expect(disks).toHaveLength(2);
  });

  const disk = (name: string, isInUse = true): DiskLook => ({ name, isInUse, state: 'ok' });
  const roll = { hostBootId: 'h1', inUse: ['sda', 'sdb'] };

  it('that nothing stood on is none, nor is one of an earlier start of the host', () => {
    const idle = stepRoll(roll, [disk('sda'), disk('sdb', false)], 'h1').roll;
    expect(stepRoll(idle, [disk('sda')], 'h1').missing).toEqual([]);
    expect(stepRoll(roll, [disk('sda')], 'h2').missing).toEqual([]);
  });

  it('stays so until it is back, or another disk has taken its place', () => {
    const first = stepRoll(roll, [disk('sda')], 'h1');
    expect(first.missing).toEqual(['sdb']);
    const second = stepRoll(first.roll, [disk('sda'), disk('sdc', false)], 'h1');
    expect(second.missing).toEqual(['sdb']);
    expect(stepRoll(second.roll, [disk('sda'), disk('sdc')], 'h1').missing).toEqual([]);
    expect(stepRoll(second.roll, [disk('sda'), disk('sdb')], 'h1').missing).toEqual([]);
  });

  it('is written down only where something changed', () => {
    expect(stepRoll(roll, [disk('sdb'), disk('sda')], 'h1').roll).toBe(roll);
  });
});

describe('memory', () => {
  it('has its errors counted over all controllers', async () => {
    const host = recordedHost();
    expect((await readerOf(host)()).memoryErrors).toBeUndefined();
    host.folders['/sys/devices/system/edac/mc'] = ['mc0', 'mc1', 'power', 'uevent'];
    Object.assign(host.texts, {
      '/sys/devices/system/edac/mc/mc0/ce_count': '5\n',
      '/sys/devices/system/edac/mc/mc0/ue_count': '0\n',
      '/sys/devices/system/edac/mc/mc1/ce_count': 'garbage\n',
      '/sys/devices/system/edac/mc/mc1/ue_count': '2\n',
    });
    expect((await readerOf(host)()).memoryErrors).toEqual({ corrected: 5, uncorrected: 2 });
  });
});
