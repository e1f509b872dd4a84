import fc from 'fast-check';
import { isClear } from '../../../core/conditions/condition.ts';
import { conditions } from '../../../core/conditions/conditions.ts';
import type { FreshInput } from '../../../core/conditions/signals.ts';
import { heartbeatSchema } from '../../../core/status.ts';
import type { DiskFacts, HardwareFacts } from '../../../agent/status/hardware.ts';
import type { HostSample } from '../../../agent/status/sample.ts';
import { clearUntil, tellHardware } from '../../../agent/status/tell-hardware.ts';

const disk = (over: Partial<DiskFacts> = {}): DiskFacts => ({
  ...{ name: 'sda', state: 'ok', smart: { smart: { reallocatedSectors: 0 } }, temperatureC: 30 },
  ...{ temperatureLimitC: undefined, ...over },
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
    ['is worn', { smart: { smart: { isFailing: false }, wear: clearUntil.wear + 0.01 } }],
    ['is hot', { temperatureC: 70 - clearUntil.headroomC + 1 }],
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

  it('names a hot disk with its own limit, and none that is far from its own', () => {
    const nvme = (temperatureC: number) =>
      told({ disks: [disk({ name: 'nvme0n1', temperatureC, temperatureLimitC: 85 })] }).disks;
    expect(nvme(85 - clearUntil.headroomC)).toEqual([]);
    expect(nvme(75)).toMatchObject([{ name: 'nvme0n1', temperatureC: 75, temperatureLimitC: 85 }]);
    const sata = disk({ temperatureC: 50, temperatureLimitC: 60 });
    expect(told({ disks: [sata] }).disks).toMatchObject([{ name: 'sda', temperatureLimitC: 60 }]);
  });

  it('names a disk that is busy or slow since the heartbeat before', () => {
    const counters = { name: 'sda', reads: 0, writes: 0, readMs: 0, writeMs: 0, busyMs: 0 };
    const now = { ...counters, reads: 1000, readMs: 1000 * (clearUntil.latencyMs + 1), busyMs: 30_000 };
    const { disks } = tellHardware(sample({}, { disks: [now] }), { ...before, disks: [counters] });
    expect(disks).toMatchObject([{ name: 'sda', utilization: 0.1, latencyMs: clearUntil.latencyMs + 1 }]);
  });

  it('names the worst first, and where they are too many claims nothing about the others', () => {
    const hot = Array.from({ length: 20 }, (_, i) => disk({ name: `sd${i}`, temperatureC: 70 }));
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

  it('leaves out no disk that some condition would not call clear', () => {
    const count = fc.integer({ min: 0, max: 200 });
    const facts = fc.record({
      name: fc.constantFrom('sda', 'nvme0n1'),
      temperatureLimitC: fc.option(fc.integer({ min: 55, max: 110 }), { nil: undefined }),
      state: fc.constantFrom('ok' as const, 'ok' as const, 'failed' as const, 'missing' as const),
      temperatureC: fc.option(fc.double({ min: 20, max: 110, noNaN: true }), { nil: undefined }),
      smart: fc.record(
        {
          smart: fc.record(
            {
              isFailing: fc.boolean(),
              reallocatedSectors: count,
              commandTimeouts: count,
              pendingSectors: count,
            },
            { requiredKeys: [] },
          ),
          wear: fc.double({ min: 0, max: 2, noNaN: true }),
        },
        { requiredKeys: [] },
      ),
    });
    const work = fc.record({
      busyMs: fc.integer({ min: 0, max: 300_000 }),
      readMs: fc.integer({ min: 0, max: 99_000 }),
    });
    const counters = { name: 'sda', reads: 0, writes: 0, readMs: 0, writeMs: 0, busyMs: 0 };
    const ofDisks = conditions.filter(({ scope }) => scope === 'disk');
    fc.assert(
      fc.property(facts, work, (over, done) => {
        const disks = [{ ...counters, ...done, reads: 1_000 }];
        const earlier = { ...before, disks: [counters] };
        const now = { ...sample({ disks: [disk(over)] }), disks };
        if (tellHardware(now, earlier).disks.length > 0) return;
        // The same, but for a sign of its own to be named for.
        const named = sample({ disks: [disk({ ...over, state: 'failed' })] }, { disks });
        const told = tellHardware(named, earlier).disks.map((one) => ({ ...one, state: over.state }));
        const status = { heartbeat: { disks: told } } as FreshInput['status'];
        for (const condition of ofDisks)
          for (const { value } of condition.signal({ status } as FreshInput))
            expect([condition.id, value, isClear(condition, value)]).toEqual([condition.id, value, true]);
      }),
    );
    expect(ofDisks).toHaveLength(6);
  });
});
