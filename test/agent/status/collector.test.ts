import { readFileSync } from 'node:fs';
import {
  checkedParts,
  heartbeatSchema,
  inventorySchema,
  judgedMetrics,
  type VolumeStatus,
} from '../../../core/status.ts';
import { createStatusCollector } from '../../../agent/status/collector.ts';
import { fitHeartbeat, heartbeatBytesMax, storedBytes } from '../../../agent/status/fit-heartbeat.ts';
import { linuxHost } from '../../../agent/status/host.ts';
import { isJudged } from '../../../agent/status/metrics.ts';
import { recordedHost, recordedText, versions, type RecordedHost } from './recorded-host.ts';

const collectorOf = (host: RecordedHost) =>
  createStatusCollector({
    host,
    versions,
    bootId: '448fa373-865c-4ca7-a3cb-7fbdde48562d',
    agentStartedAt: host.at - 1000,
    filesystemWaitMs: 5,
  });
const none = { volumes: [] };

describe('heartbeat', () => {
  it('reads what a recorded host says', async () => {
    const host = recordedHost();
    const heartbeat = await collectorOf(host).heartbeat(none);
    expect(heartbeatSchema.parse(heartbeat)).toEqual(heartbeat);
    expect(heartbeat).toMatchObject({ seq: 1, sentAt: host.at, agentVersion: '1.2.3' });
    expect(heartbeat.metrics).toMatchObject({
      'system.memory.utilization': 0.25,
      'gateway.host.uptime': 2535300,
      'gateway.host.oom_kills': 3,
      'gateway.agent.memory': 91_234_567,
      'gateway.agent.loop_delay.p99': 21.5,
      'system.network.errors': 3,
      'system.cpu.load_average.1m': 1.25,
      'gateway.pressure.io': 0.125,
    });
    expect(heartbeat.metrics).not.toHaveProperty('system.cpu.utilization'); // a rate needs two readings
  });

  it('leaves rates and the event loop’s delay to heartbeats, whatever is measured for plots in between', async () => {
    const host = recordedHost();
    const asked: number[] = [];
    host.eventLoopDelayP99Ms = () => asked.push(host.at);
    const collector = collectorOf(host);
    host.texts['/proc/stat'] = 'cpu  0 0 0 10000 0 0 0 0 0 0\n';
    await collector.heartbeat(none);
    expect((await collector.observe(none)).metrics).not.toHaveProperty('system.cpu.utilization');
    host.at += 60_000;
    host.texts['/proc/stat'] = 'cpu  900 0 0 10100 0 0 0 0 0 0\n'; // 900 of 1,000 ticks
    const observed = await collector.observe({ volumes: [], metrics: { 'gateway.connection.rtt': 40 } });
    expect(observed.metrics).toMatchObject({ 'system.cpu.utilization': 0.9, 'gateway.connection.rtt': 40 });
    expect(observed.filesystems.length).toBeGreaterThan(0);
    host.at += 60_000;
    host.texts['/proc/stat'] = 'cpu  1000 0 0 11000 0 0 0 0 0 0\n';
    const { metrics, seq } = await collector.heartbeat(none);
    expect(seq).toBe(2);
    expect(metrics['system.cpu.utilization']).toBe(0.5); // 1,000 of 2,000 ticks since the first
    expect(asked).toHaveLength(2);
  });

  it('counts rates from one heartbeat to the next, whatever is watched in between', async () => {
    const host = recordedHost();
    const collector = collectorOf(host);
    await collector.heartbeat(none);
    host.texts['/proc/stat'] = 'cpu  1300 10 590 8400 500 0 200 0 50 0\n'; // +1000 ticks: 400 idle, 100 iowait
    host.texts['/proc/diskstats'] =
      ' 259 0 nvme0n1 1100 0 0 1500 2100 0 0 5000 0 8000 0\n   8 0 sda 10 0 80 5 20 0 160 40 0 9030 45\n';
    host.texts['/proc/net/dev'] = host.texts['/proc/net/dev']!.replace('100000', '150000').replace(
      '200000',
      '220000',
    );
    host.at += 10_000;
    await collector.watch([]);
    const { metrics, seq } = await collector.heartbeat(none);
    expect(seq).toBe(2);
    expect(metrics).toMatchObject({
      'system.cpu.utilization': 0.5,
      'gateway.cpu.iowait': 0.1,
      'gateway.disk.utilization.max': 0.9, // sda: 9,000 of 10,000 ms
      'gateway.disk.latency.max': 10, // nvme0n1: 2,000 ms for 200 requests; its partition would not count
      'gateway.network.receive_rate': 5000,
      'gateway.network.transmit_rate': 2000,
    });
  });

  it('leaves out what the kernel does not tell, and only that', async () => {
    const host = recordedHost();
    for (const path of [
      '/proc/pressure/cpu',
      '/proc/pressure/memory',
      '/proc/pressure/io',
      '/proc/diskstats',
    ]) {
      host.texts[path] = undefined;
    }
    host.texts['/proc/vmstat'] = 'garbage';
    host.texts['/proc/stat'] = 'cpu  x y z\n';
    host.texts['/proc/self/mountinfo'] = undefined;
    const heartbeat = heartbeatSchema.parse(await collectorOf(host).heartbeat(none));
    expect(heartbeat.metrics['system.memory.utilization']).toBe(0.25);
    expect(heartbeat.metrics).not.toHaveProperty('gateway.pressure.io');
    expect(heartbeat.metrics).not.toHaveProperty('gateway.host.oom_kills');
    expect(heartbeat.filesystems).toEqual([]);
  });

  it('names real file systems once, the fullest first, by what a user can still write', async () => {
    const { filesystems } = await collectorOf(recordedHost()).heartbeat(none);
    expect(filesystems).toEqual([
      { mount: '/srv/with blank', sizeBytes: 2000 * 4096, freeBytes: 100 * 4096 },
      { mount: '/', sizeBytes: 950 * 4096, freeBytes: 450 * 4096 }, // 50 blocks are root's
    ]);
  });

  it('is taken by the cloud whatever numbers the gateway’s own parts and file systems come with', async () => {
    const host = recordedHost();
    const { statfs } = host;
    host.statfs = async (path) => ({ ...(await statfs(path)), ...(path !== '/' && { blocks: 2 ** 62 }) });
    const metrics = {
      'gateway.cache.hit_ratio': 1e-165, // an average that fades away
      'gateway.cache.utilization': -1e-300,
      'gateway.clock.offset': 1e300,
      'gateway.connection.rtt': NaN,
      'gateway.upload_buffer.utilization': 0.12345,
    };
    const heartbeat = await collectorOf(host).heartbeat({ volumes: [], metrics });
    expect(heartbeatSchema.safeParse(heartbeat).error).toBeUndefined();
    expect(heartbeat.metrics).toMatchObject({
      'gateway.cache.hit_ratio': 0,
      'gateway.cache.utilization': 0,
      'gateway.upload_buffer.utilization': 0.123,
    });
    expect(heartbeat.metrics).not.toHaveProperty('gateway.clock.offset');
    expect(heartbeat.metrics).not.toHaveProperty('gateway.connection.rtt');
    expect(heartbeat.filesystems.map(({ mount }) => mount)).toEqual(['/']);
    expect(heartbeat.checked).not.toContain('errors'); // one file system is not known
  });

  it('leaves out a file system that does not answer, and does not ask it again meanwhile', async () => {
    const host = recordedHost();
    const statfs = host.statfs;
    const hang = Promise.withResolvers<Awaited<ReturnType<typeof statfs>>>();
    let asked = 0;
    host.statfs = (path) => {
      if (path === '/') return statfs(path);
      asked++;
      return hang.promise;
    };
    const collector = collectorOf(host);
    for (let i = 0; i < 3; i++) {
      const { filesystems, checked } = await collector.heartbeat(none);
      expect(filesystems.map((fs) => fs.mount)).toEqual(['/']);
      expect(checked).not.toContain('errors');
    }
    expect(asked).toBe(1);
    hang.resolve(host.sizes['/srv/with blank']!);
    await hang.promise;
    const { filesystems, checked } = await collector.heartbeat(none);
    expect(filesystems).toHaveLength(2);
    expect(checked).toContain('errors');
  });

  it('gives two who ask at the same time the same file systems', async () => {
    const collector = collectorOf(recordedHost());
    const [heartbeat, watched] = await Promise.all([collector.heartbeat(none), collector.watch([])]);
    expect(heartbeat.filesystems).toHaveLength(2);
    expect(watched.filesystems).toEqual(heartbeat.filesystems);
    expect(watched.memoryUtilization).toBe(0.25);
  });

  it('says in which respects it looked at everything, and nothing of what is well', async () => {
    const host = recordedHost();
    const collector = collectorOf(host);
    await collector.heartbeat(none);
    host.at += 300_000;
    const heartbeat = await collector.heartbeat({ volumes: [], expiries: {}, starts: {} });
    expect(heartbeat.checked).toEqual(['disks', 'heat', 'arrays', 'errors', 'expiries', 'starts']);
    for (const part of ['disks', 'arrays', 'expiries', 'starts']) expect(heartbeat).not.toHaveProperty(part);
    expect((await collector.heartbeat(none)).checked).not.toContain('expiries');
  });

  it('names what is unwell, and looks for it between heartbeats', async () => {
    const host = recordedHost();
    const collector = collectorOf(host);
    host.texts['/sys/block/sda/device/state'] = 'offline\n';
    host.texts['/proc/mdstat'] = recordedText('mdstat');
    const { disks, arrays } = await collector.watch([]);
    expect(disks.find(({ name }) => name === 'sda')).toMatchObject({ state: 'failed' });
    expect(arrays.find(({ name }) => name === 'md7')).toMatchObject({ state: 'degraded' });
    const heartbeat = await collector.heartbeat(none);
    expect(heartbeatSchema.parse(heartbeat)).toMatchObject({
      disks: [{ name: 'sda', state: 'failed', temperatureC: 31 }],
      arrays: [
        { name: 'md4', state: 'failed' },
        { name: 'md7', state: 'degraded', missing: 1 },
        { name: 'md6', state: 'rebuilding', missing: 1 },
      ],
    });
  });

  it('tells of a certificate in its last month, and of credentials whenever they end', async () => {
    const host = recordedHost();
    const days = (count: number) => host.at + count * 86_400_000;
    const told = async (certificateAt: number, credentialsAt?: number) =>
      (await collectorOf(host).heartbeat({ volumes: [], expiries: { certificateAt, credentialsAt } }))
        .expiries;
    expect(await told(days(90))).toBeUndefined();
    expect(await told(days(30))).toMatchObject({ certificateAt: days(30) });
    expect(await told(days(90), days(0))).toEqual({ credentialsAt: days(0) });
  });

  it('takes as loss what is greater, pings without an answer or segments sent again', async () => {
    const host = recordedHost();
    const collector = collectorOf(host);
    const lossWith = async (pings: number | undefined) => {
      const metrics: Record<string, number> = pings === undefined ? {} : { 'gateway.connection.loss': pings };
      return (await collector.heartbeat({ volumes: [], metrics })).metrics['gateway.connection.loss'];
    };
    expect(await lossWith(undefined)).toBeUndefined();
    expect(await lossWith(0)).toBe(0);
    host.at += 300_000;
    host.texts['/proc/net/snmp'] = 'Tcp: OutSegs RetransSegs\nTcp: 35502819 162972\n'; // 1,000 and 50 more
    expect(await lossWith(0)).toBe(0.05);
    expect(await lossWith(0.2)).toBe(0.2);
  });
});

describe('heartbeat within one write unit', () => {
  const volume = (i: number, over: Partial<VolumeStatus> = {}): VolumeStatus => ({
    volumeId: `volume-${i}`,
    state: 'healthy',
    sizeBytes: 2 ** 40,
    lastSnapshotId: '20261122T101530Z-0123456789abcdef0123',
    lastSnapshotAt: 1795343911438,
    ...over,
  });
  const restoring: Partial<VolumeStatus> = {
    state: 'restoring',
    restore: {
      snapshotId: '20261122T101530Z-0123456789abcdef0123',
      fraction: 0.123,
      lastProgressAt: 1795343911438,
      bytesPerSec: 123456789,
    },
  };

  it.each([0, 1, 2])(
    'holds with %i volumes that are being restored, and keeps the most important',
    async (count) => {
      const host = recordedHost();
      const collector = collectorOf(host);
      await collector.inventory();
      await collector.heartbeat(none);
      host.at += 300_000;
      host.texts['/proc/stat'] = 'cpu  1333 10 590 8412 500 0 200 0 50 0\n';
      const volumes = Array.from({ length: count }, (_, i) => volume(i, restoring));
      const heartbeat = await collector.heartbeat({
        volumes,
        metrics: { 'gateway.connection.rtt': 12.3456 },
      });
      expect(heartbeatSchema.parse(heartbeat)).toEqual(heartbeat);
      expect(storedBytes(heartbeat)).toBeLessThanOrEqual(heartbeatBytesMax);
      expect(heartbeat.metrics['system.memory.utilization']).toBe(0.25);
      expect(heartbeat.volumes.map(({ restore }) => restore?.fraction)).toEqual(volumes.map(() => 0.123));
      if (count < 2) expect(heartbeat.metrics).toMatchObject({ 'gateway.connection.rtt': 12.3 });
      if (count < 2) expect(heartbeat.volumes.every((v) => v.lastSnapshotId !== undefined)).toBe(true);
    },
  );

  it('holds where all is well and everything is known, with every metric that a condition is judged by', async () => {
    const host = recordedHost();
    const collector = createStatusCollector({
      ...{ host, versions, bootId: '448fa373-865c-4ca7-a3cb-7fbdde48562d', agentStartedAt: host.at - 1000 },
      smart: { refresh: () => undefined, of: () => ({ smart: { isFailing: false } }), isAnswered: true },
    });
    host.texts['/proc/vmstat'] = 'oom_kill 0\n';
    host.folders['/sys/devices/system/edac/mc'] = ['mc0'];
    host.texts['/sys/devices/system/edac/mc/mc0/ce_count'] = '0\n';
    host.texts['/sys/devices/system/edac/mc/mc0/ue_count'] = '0\n';
    await collector.inventory();
    const measured = judgedMetrics.filter((name) => /^gateway\.(upload|cache|connection)/.test(name));
    const parts = {
      volumes: [volume(1), volume(2)],
      metrics: Object.fromEntries(measured.map((name) => [name, 0.12345])),
      expiries: { certificateAt: host.at + 10 ** 10 },
      ...{ starts: {}, intervalMs: 300_000, droppedHeartbeats: 0 },
    };
    await collector.heartbeat(parts);
    host.at += 300_000;
    host.texts['/proc/stat'] = 'cpu  1333 10 590 8412 500 0 200 0 50 0\n';
    const heartbeat = await collector.heartbeat(parts);
    expect(heartbeat.checked).toEqual(checkedParts);
    expect(storedBytes(heartbeat)).toBeLessThanOrEqual(heartbeatBytesMax);
    // Counters that stand at 0 need not be said, by a heartbeat that looked.
    const said = judgedMetrics.filter((name) => !/oom_kills|hw\.memory/.test(name));
    expect(Object.keys(heartbeat.metrics)).toEqual(expect.arrayContaining(said));
    expect(heartbeat.metrics).not.toHaveProperty('gateway.host.oom_kills');
    expect(collector.latest()?.heartbeat.metrics).toMatchObject({ 'gateway.host.oom_kills': 0 });
  });

  it('never leaves out what is unwell, nor a metric that a condition is judged by', async () => {
    const host = recordedHost();
    const heartbeat = await collectorOf(host).heartbeat(none);
    const disks = Array.from({ length: 16 }, (_, i) => ({ name: `sd${i}`, state: 'failed' as const }));
    const wrong = { sizeBytes: 1000, freeBytes: 1000, readOnly: true };
    const filesystems = ['/a', '/b', '/c', '/d'].map((mount) => ({ mount, ...wrong }));
    const fitted = fitHeartbeat({
      ...heartbeat,
      disks,
      filesystems: [...filesystems, ...heartbeat.filesystems],
    });
    expect(fitted.disks).toEqual(disks);
    expect(fitted.filesystems).toEqual(filesystems);
    expect(Object.keys(fitted.metrics)).toEqual(Object.keys(heartbeat.metrics).filter(isJudged));
  });

  it('never leaves out a volume for size, and of more than 32 those that are best off', async () => {
    const unwell: Record<number, Partial<VolumeStatus>> = {
      37: { state: 'failed' },
      38: { failedSnapshots: 2 },
      39: { lastSnapshotAt: 1 },
    };
    const volumes = Array.from({ length: 40 }, (_, i) =>
      volume(i, { lastSnapshotAt: 1_000 + i, ...unwell[i] }),
    );
    const heartbeat = await collectorOf(recordedHost()).heartbeat({ volumes });
    expect(heartbeat.volumes).toHaveLength(32);
    const first = heartbeat.volumes.slice(0, 5).map(({ volumeId }) => volumeId);
    expect(first).toEqual(['volume-37', 'volume-38', 'volume-39', 'volume-0', 'volume-1']);
    expect(heartbeatSchema.safeParse(heartbeat).success).toBe(true);
  });

  it('reckons sizes as the table does', () => {
    expect(storedBytes('é')).toBe(2);
    expect(storedBytes(0)).toBe(1);
    expect(storedBytes(1795343911438)).toBe(8);
    expect(storedBytes(-0.25)).toBe(3);
    expect(storedBytes(1000)).toBe(2);
    expect(storedBytes({ ab: 'cd', x: undefined, list: [true] })).toBe(3 + (1 + 2 + 2) + (1 + 4 + 3 + 1 + 1));
  });
});

describe('inventory', () => {
  it('says what the host is made of', async () => {
    const inventory = await collectorOf(recordedHost()).inventory();
    expect(inventorySchema.parse(inventory)).toEqual({
      hash: expect.stringMatching(/^[0-9a-f]{16}$/),
      hostname: 'gw-17',
      os: 'Debian GNU/Linux 12 (bookworm)',
      kernel: '6.1.0-18-amd64',
      arch: 'x64',
      cpuModel: 'AMD EPYC 7B13',
      cpuCount: 2,
      memoryBytes: 8_192_000_000,
      agentVersion: '1.2.3',
      nodeVersion: 'v24.21.0',
      disks: [
        {
          name: 'nvme0n1',
          model: 'SAMSUNG MZVL2512HCJQ',
          sizeBytes: 1000215216 * 512,
          firmware: 'GXA7301Q',
          serialHash: expect.stringMatching(/^[0-9a-f]{16}$/),
        },
        {
          name: 'sda',
          model: 'unknown',
          sizeBytes: 7814037168 * 512,
          firmware: 'C232',
          serialHash: expect.stringMatching(/^[0-9a-f]{16}$/),
        },
      ],
      interfaces: [{ name: 'eth0', mac: '52:54:00:12:34:56', driver: 'ixgbe' }],
      hypervisor: 'none',
    });
  });

  it('never has a serial number as it stands on the disk', async () => {
    expect(JSON.stringify(await collectorOf(recordedHost()).inventory())).not.toContain('S64KNX0T123456');
  });

  const flags = (...names: string[]) => `processor\t: 0\nflags\t\t: fpu ${names.join(' ')} sse2\n`;
  it.each([
    ['kvm', 'QEMU', 'Standard PC (Q35 + ICH9, 2009) KVM', flags('hypervisor')],
    ['vmware', 'VMware, Inc.', 'VMware7,1', flags('hypervisor')],
    ['microsoft', 'Microsoft Corporation', 'Virtual Machine', flags('hypervisor')],
    ['amazon', 'Amazon EC2', 'm7i.large', flags('hypervisor')],
    ['none', 'Amazon EC2', 'm7i.metal-24xl', flags()],
    ['none', 'Dell Inc.', 'PowerEdge R740', flags()],
    ['other', '', '', flags('hypervisor')],
    ['none', '', '', 'processor\t: 0\nBogoMIPS\t: 50.00\n'],
  ])('knows %s by the firmware of %s %s', async (hypervisor, vendor, product, cpuInfo) => {
    const host = recordedHost();
    host.texts['/sys/class/dmi/id/sys_vendor'] = `${vendor}\n`;
    host.texts['/sys/class/dmi/id/product_name'] = `${product}\n`;
    host.texts['/proc/cpuinfo'] = cpuInfo;
    const inventory = await collectorOf(host).inventory();
    expect(inventory.hypervisor).toBe(hypervisor);
    expect(inventory.machine).toBe([vendor, product].filter(Boolean).join(' ') || undefined);
  });

  it('lists memory modules where an ECC driver does', async () => {
    const host = recordedHost();
    const root = '/sys/devices/system/edac/mc/mc0';
    host.folders['/sys/devices/system/edac/mc'] = ['mc0', 'power'];
    host.folders[root] = ['ce_count', 'dimm0', 'dimm1', 'size_mb'];
    Object.assign(host.texts, {
      [`${root}/dimm0/size`]: '32768\n',
      [`${root}/dimm0/dimm_label`]: 'CPU_SrcID#0_MC#0_Chan#0_DIMM#0\n',
      [`${root}/dimm0/dimm_mem_type`]: 'Registered-DDR4\n',
      [`${root}/dimm1/size`]: '0\n',
    });
    expect((await collectorOf(host).inventory()).dimms).toEqual([
      { label: 'CPU_SrcID#0_MC#0_Chan#0_DIMM#0', type: 'Registered-DDR4', sizeBytes: 32 * 2 ** 30 },
    ]);
  });

  it('changes its hash with the host and with nothing else, and heartbeats name it', async () => {
    const host = recordedHost();
    const collector = collectorOf(host);
    expect(await collector.heartbeat(none)).not.toHaveProperty('inventoryHash');
    const { hash } = await collector.inventory();
    host.at += 1000;
    host.texts['/proc/meminfo'] = host.texts['/proc/meminfo']!.replace('6000000', '5000000');
    expect((await collector.inventory()).hash).toBe(hash);
    expect(await collector.heartbeat(none)).toMatchObject({ inventoryHash: hash });
    host.texts['/proc/sys/kernel/osrelease'] = '6.1.0-19-amd64\n';
    expect((await collector.inventory()).hash).not.toBe(hash);
  });
});

describe('on this host', () => {
  it('reads files whole, and of one without an end the first mebibyte', async () => {
    const { readText } = linuxHost();
    expect(await readText('/proc/self/mountinfo')).toBe(readFileSync('/proc/self/mountinfo', 'utf8'));
    expect(await readText('/dev/zero')).toHaveLength(2 ** 20);
    await expect(readText('/proc/none')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('reports real numbers', async () => {
    const collector = createStatusCollector({
      host: linuxHost(),
      versions,
      bootId: 'b',
      agentStartedAt: Date.now(),
    });
    const inventory = inventorySchema.parse(await collector.inventory());
    expect(inventory.memoryBytes).toBeGreaterThan(2 ** 28);
    expect(inventory.cpuCount).toBeGreaterThan(0);
    expect(inventory.hypervisor).toMatch(/^[a-z]+$/);
    await collector.heartbeat(none);
    for (const end = performance.now() + 60; performance.now() < end;); // let ticks pass
    const heartbeat = heartbeatSchema.parse(await collector.heartbeat(none));
    expect(heartbeat.metrics['system.memory.utilization']).toBeGreaterThan(0);
    expect(heartbeat.metrics['system.cpu.utilization']).toBeGreaterThan(0);
    expect(heartbeat.metrics['gateway.host.uptime']).toBeGreaterThan(0);
    expect(heartbeat.metrics['gateway.agent.memory']).toBeGreaterThan(2 ** 20);
    expect(heartbeat.filesystems.length).toBeGreaterThan(0);
    expect(heartbeat.checked).toEqual(expect.arrayContaining(['arrays', 'errors']));
    expect(storedBytes(heartbeat)).toBeLessThanOrEqual(heartbeatBytesMax);
  });
});
