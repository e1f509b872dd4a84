import type { FilesystemsRead } from './filesystems.ts';
import type { HardwareFacts } from './hardware.ts';
import type { Host } from './host.ts';
import {
  parseCpuTicks,
  parseDisks,
  parseLoad1,
  parseMemory,
  parseNetwork,
  parseOomKills,
  parsePressure,
  parseTcp,
  parseUptimeMs,
  type CpuTicks,
  type DiskCounters,
  type NetCounters,
  type TcpCounters,
} from './proc.ts';

/** Everything that was read at one moment. Counters count from boot; what the kernel does not tell is undefined. */
export interface HostSample {
  at: number;
  cpu: CpuTicks | undefined;
  load1: number | undefined;
  memory: { totalBytes: number; availableBytes: number } | undefined;
  uptimeMs: number | undefined;
  oomKills: number | undefined;
  /** Share of the last minute in which some task waited for it. */
  pressure: { cpu: number | undefined; memory: number | undefined; io: number | undefined };
  filesystems: FilesystemsRead;
  disks: DiskCounters[];
  hardware: HardwareFacts;
  network: NetCounters[];
  tcp: TcpCounters | undefined;
  process: { residentBytes: number; eventLoopDelayP99Ms: number };
}

/** Whole disks are interesting, not their partitions, nor what is made of memory or of files. */
const memoryDisks = /^(loop|ram|zram|fd|sr|nbd)\d/;
const virtualInterfaces = /^(lo|ifb\d+|veth.*|docker\d+|br-.*|virbr\d+)$/;

export function createSampler(
  host: Host,
  readers: { filesystems: () => Promise<FilesystemsRead>; hardware: () => Promise<HardwareFacts> },
): () => Promise<HostSample> {
  const read = async <T>(path: string, parse: (text: string) => T): Promise<T | undefined> => {
    const text = await host.readText(path).catch(() => undefined);
    return text === undefined ? undefined : parse(text);
  };
  return async () => {
    const [cpu, load1, memory, uptimeMs, oomKills, cpuPressure, memoryPressure, ioPressure] =
      await Promise.all([
        read('/proc/stat', parseCpuTicks),
        read('/proc/loadavg', parseLoad1),
        read('/proc/meminfo', parseMemory),
        read('/proc/uptime', parseUptimeMs),
        read('/proc/vmstat', parseOomKills),
        read('/proc/pressure/cpu', parsePressure),
        read('/proc/pressure/memory', parsePressure),
        read('/proc/pressure/io', parsePressure),
      ]);
    const [disks, wholeDisks, network, tcp, filesystems, hardware] = await Promise.all([
      read('/proc/diskstats', parseDisks),
      host.list('/sys/block').catch(() => undefined),
      read('/proc/net/dev', parseNetwork),
      read('/proc/net/snmp', parseTcp),
      readers.filesystems().catch(() => ({ filesystems: [], isWhole: false })),
      readers.hardware(),
    ]);
    return {
      at: host.now(),
      cpu,
      load1,
      memory,
      uptimeMs,
      oomKills,
      pressure: { cpu: cpuPressure, memory: memoryPressure, io: ioPressure },
      filesystems,
      disks: (disks ?? []).filter(
        ({ name }) => !memoryDisks.test(name) && (wholeDisks === undefined || wholeDisks.includes(name)),
      ),
      hardware,
      network: (network ?? []).filter(({ name }) => !virtualInterfaces.test(name)),
      tcp,
      process: { residentBytes: host.residentBytes(), eventLoopDelayP99Ms: host.eventLoopDelayP99Ms() },
    };
  };
}
