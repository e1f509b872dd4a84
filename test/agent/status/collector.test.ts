import { heartbeatSchema, inventorySchema, type VolumeStatus } from '../../../core/status.ts';
import { createStatusCollector } from '../../../agent/status/collector.ts';
import { heartbeatBytesMax, storedBytes } from '../../../agent/status/fit-heartbeat.ts';
import { linuxHost } from '../../../agent/status/host.ts';
import { recordedHost, versions, type RecordedHost } from './recorded-host.ts';

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
      expect((await collector.heartbeat(none)).filesystems.map((fs) => fs.mount)).toEqual(['/']);
    }
    expect(asked).toBe(1);
    hang.resolve(host.sizes['/srv/with blank']!);
    await hang.promise;
    expect((await collector.heartbeat(none)).filesystems).toHaveLength(2);
  });

  it('gives two who ask at the same time the same file systems', async () => {
    const collector = collectorOf(recordedHost());
    const [heartbeat, watched] = await Promise.all([collector.heartbeat(none), collector.watch([])]);
    expect(heartbeat.filesystems).toHaveLength(2);
    expect(watched.filesystems).toEqual(heartbeat.filesystems);
    expect(watched.memoryUtilization).toBe(0.25);
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

  it('never leaves out a volume for size, and of more than 16 the healthy ones', async () => {
    const volumes = Array.from({ length: 20 }, (_, i) => volume(i, i === 19 ? { state: 'failed' } : {}));
    const heartbeat = await collectorOf(recordedHost()).heartbeat({ volumes });
    expect(heartbeat.volumes).toHaveLength(16);
    expect(heartbeat.volumes[0]).toMatchObject({ volumeId: 'volume-19', state: 'failed' });
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
        { name: 'nvme0n1', model: 'SAMSUNG MZVL2512HCJQ', sizeBytes: 1000215216 * 512 },
        { name: 'sda', model: 'unknown', sizeBytes: 7814037168 * 512 },
      ],
      interfaces: [{ name: 'eth0', mac: '52:54:00:12:34:56' }],
    });
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
    await collector.heartbeat(none);
    for (const end = performance.now() + 60; performance.now() < end;); // let ticks pass
    const heartbeat = heartbeatSchema.parse(await collector.heartbeat(none));
    expect(heartbeat.metrics['system.memory.utilization']).toBeGreaterThan(0);
    expect(heartbeat.metrics['system.cpu.utilization']).toBeGreaterThan(0);
    expect(heartbeat.metrics['gateway.host.uptime']).toBeGreaterThan(0);
    expect(heartbeat.metrics['gateway.agent.memory']).toBeGreaterThan(2 ** 20);
    expect(heartbeat.filesystems.length).toBeGreaterThan(0);
    expect(storedBytes(heartbeat)).toBeLessThanOrEqual(heartbeatBytesMax);
  });
});
