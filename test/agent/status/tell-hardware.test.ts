import { conditionById } from '../../../core/conditions/conditions.ts';
import { heartbeatSchema } from '../../../core/status.ts';
import type { DiskFacts, HardwareFacts } from '../../../agent/status/hardware.ts';
import type { HostSample } from '../../../agent/status/sample.ts';
import { tellHardware, toldFrom } from '../../../agent/status/tell-hardware.ts';

const disk = (over: Partial<DiskFacts> = {}): DiskFacts => ({
  ...{ name: 'sda', state: 'ok', smart: { smart: { reallocatedSectors: 0 } }, temperatureC: 30, ...over },
});
const sample = (hardware: Partial<HardwareFacts>, over: Partial<HostSample> = {}): HostSample => ({
  at: 300_000,
  ...{
    cpu: undefined,
    load1: undefined,
    memory: undefined,
    uptimeMs: undefined,
    oomKills: 0,
    tcp: undefined,
  },
  pressure: { cpu: undefined, memory: undefined, io: undefined },
  filesystems: { filesystems: [], isWhole: true },
  disks: [],
  hardware: { disks: [disk()], arrays: [], memoryErrors: undefined, isSmartAnswered: true, ...hardware },
  network: [],
  process: { residentBytes: 1, eventLoopDelayP99Ms: 1 },
  ...over,
});
const before = sample({}, { at: 0 });
const told = (hardware: Partial<HardwareFacts>, over?: Partial<HostSample>) =>
  tellHardware(sample(hardware, over), before);
const everything = ['disks', 'smart', 'heat', 'arrays', 'errors'];

describe('a heartbeat on disks and arrays', () => {
  it('names none that is well, and says that it looked', () => {
    const arrays = [{ name: 'md0', state: 'ok', missing: 0 }] as const;
    expect(told({ arrays: [...arrays] })).toEqual({ disks: [], arrays: [], checked: everything });
  });

  it.each([
    ['failed', { state: 'failed' }],
    ['is missing', { state: 'missing', smart: undefined, temperatureC: undefined }],
    ['says that it fails', { smart: { smart: { isFailing: true } } }],
    ['has a bad sector', { smart: { smart: { pendingSectors: 1 } } }],
    ['is worn', { smart: { smart: { isFailing: false }, wear: toldFrom.wear } }],
    ['is hot', { temperatureC: toldFrom.temperatureC }],
    ['has not answered yet', { smart: undefined }],
  ] as [string, Partial<DiskFacts>][])(
    'names a disk that %s, with all that is known of it',
    (_what, over) => {
      const { disks } = told({ disks: [disk({ name: 'sdb' }), disk(over)] });
      const { state, smart, temperatureC } = disk(over);
      const all = { name: 'sda', state, ...smart, ...(temperatureC !== undefined && { temperatureC }) };
      expect(disks).toEqual([all]);
    },
  );

  it('names a disk that is busy or slow since the heartbeat before', () => {
    const counters = { name: 'sda', reads: 0, writes: 0, readMs: 0, writeMs: 0, busyMs: 0 };
    const now = { ...counters, reads: 1000, readMs: 1000 * toldFrom.latencyMs, busyMs: 30_000 };
    const { disks } = tellHardware(sample({}, { disks: [now] }), { ...before, disks: [counters] });
    expect(disks).toMatchObject([{ name: 'sda', utilization: 0.1, latencyMs: toldFrom.latencyMs }]);
  });

  it('names the worst first, and where they are too many claims nothing about the others', () => {
    const hot = Array.from({ length: 20 }, (_, i) => disk({ name: `sd${i}`, temperatureC: 60 }));
    const { disks, checked } = told({ disks: [...hot, disk({ name: 'sdz', state: 'failed' })] });
    expect(disks).toHaveLength(16);
    expect(disks[0]).toMatchObject({ name: 'sdz', state: 'failed' });
    expect(checked).toEqual(['arrays', 'errors']);
  });

  it.each([
    ['disks', { disks: undefined }, {}],
    ['smart', { isSmartAnswered: false }, {}],
    ['heat', { disks: [disk({ temperatureC: undefined, smart: undefined })] }, {}],
    ['heat', { disks: [disk({ name: 'vda', temperatureC: undefined, smart: {} })] }, {}],
    ['errors', {}, { filesystems: { filesystems: [], isWhole: false } }],
    ['errors', {}, { oomKills: undefined }],
  ] as const)('does not claim to have looked at %s that it could not look at', (part, hardware, over) => {
    const { checked } = told(hardware as Partial<HardwareFacts>, over as Partial<HostSample>);
    expect(checked).not.toContain(part);
    expect(checked).toContain('arrays');
  });

  it('claims nothing about the work of disks without a heartbeat before', () => {
    expect(tellHardware(sample({}), undefined).checked).toEqual(['smart', 'heat', 'arrays', 'errors']);
  });

  it('names arrays that are not whole, as many as fit', () => {
    const arrays = Array.from({ length: 9 }, (_, i) => {
      return { name: `md${i}`, state: i === 8 ? ('failed' as const) : ('degraded' as const), missing: 1 };
    });
    expect(told({ arrays: arrays.slice(1) })).toMatchObject({
      arrays: [{ name: 'md8' }, {}, {}, {}, {}, {}, {}, {}],
    });
    expect(told({ arrays }).checked).not.toContain('arrays');
    expect(heartbeatSchema.shape.arrays.safeParse(told({ arrays }).arrays).success).toBe(true);
  });

  it('leaves out no disk that a condition would not call clear', () => {
    const limits = {
      DiskSaturated: 'utilization',
      BlockLatency: 'latencyMs',
      DiskHot: 'temperatureC',
      NvmeWear: 'wear',
    } as const;
    for (const [id, key] of Object.entries(limits)) {
      const condition = conditionById.get(id);
      if (condition) expect([id, toldFrom[key] <= condition.clearAt]).toEqual([id, true]);
    }
  });
});
