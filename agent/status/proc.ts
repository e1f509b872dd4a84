/**
 * Readers for the texts of Linux's /proc (man 5 proc). Each takes what the kernel wrote and returns undefined, or
 * leaves a line out, where it is not as expected: a kernel without a feature must not cost us the other numbers.
 */

/** Clock ticks since boot, of all processors together. */
export interface CpuTicks {
  total: number;
  idle: number;
  ioWait: number;
}

/** /proc/stat. The guest columns are contained in user and nice already. */
export function parseCpuTicks(text: string): CpuTicks | undefined {
  const line = /^cpu\s+(.*)$/m.exec(text);
  const ticks = line?.[1]!.trim().split(/\s+/).slice(0, 8).map(Number);
  if (!ticks || ticks.length < 5 || ticks.some((n) => !Number.isFinite(n))) return undefined;
  return { total: ticks.reduce((sum, n) => sum + n, 0), idle: ticks[3]!, ioWait: ticks[4]! };
}

/** /proc/loadavg: the average of one minute. */
export function parseLoad1(text: string): number | undefined {
  return finite(text.split(' ')[0]);
}

/** /proc/meminfo. MemAvailable and not MemFree: the page cache is there to be given back. */
export function parseMemory(text: string): { totalBytes: number; availableBytes: number } | undefined {
  const kilobytes = (name: string): number | undefined =>
    finite(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]);
  const [total, available] = [kilobytes('MemTotal'), kilobytes('MemAvailable')];
  if (!total || available === undefined) return undefined;
  return { totalBytes: total * 1024, availableBytes: available * 1024 };
}

/** /proc/uptime. */
export function parseUptimeMs(text: string): number | undefined {
  const seconds = finite(text.split(' ')[0]);
  return seconds === undefined ? undefined : Math.round(seconds * 1000);
}

/** /proc/vmstat: processes that the kernel killed for want of memory, since boot. */
export function parseOomKills(text: string): number | undefined {
  return finite(/^oom_kill (\d+)$/m.exec(text)?.[1]);
}

/** /proc/pressure/*: the share of the last minute in which some task waited, 0 … 1. */
export function parsePressure(text: string): number | undefined {
  const percent = finite(/^some .*\bavg60=([\d.]+)/m.exec(text)?.[1]);
  return percent === undefined ? undefined : Math.min(1, percent / 100);
}

export interface Mount {
  path: string;
  /** `major:minor`: mounts of one file system share it. */
  device: string;
  type: string;
  /** True where the file system's own root is mounted, false for a part of it (a bind mount). */
  whole: boolean;
  /** What is mounted: `/dev/sda1`, the name of a pool. */
  source: string;
  /** Of this mount. */
  options: string[];
  /** Of the file system, for all its mounts. */
  superOptions: string[];
}

/** /proc/self/mountinfo. */
export function parseMounts(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [head, tail] = line.split(' - ', 2);
    const [, , device, root, path, options] = head!.split(' ');
    const [type, source = '', superOptions = ''] = tail?.split(' ') ?? [];
    if (!device || !root || !path || !type) return [];
    return [
      {
        path: unescapeOctal(path),
        device,
        type,
        whole: root === '/',
        source: unescapeOctal(source),
        options: options?.split(',') ?? [],
        superOptions: superOptions.split(','),
      },
    ];
  });
}

/** Mount points have blanks, tabs, newlines and backslashes as \040 and the like. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_all, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

export interface DiskCounters {
  name: string;
  reads: number;
  writes: number;
  readMs: number;
  writeMs: number;
  /** Time during which at least one request was on its way. */
  busyMs: number;
}

/** /proc/diskstats, whole disks and partitions alike. */
export function parseDisks(text: string): DiskCounters[] {
  return text.split('\n').flatMap((line) => {
    const [, , name, ...counters] = line.trim().split(/\s+/);
    const n = counters.map(Number);
    if (!name || n.length < 10 || n.some((value) => !Number.isFinite(value))) return [];
    return [{ name, reads: n[0]!, readMs: n[3]!, writes: n[4]!, writeMs: n[7]!, busyMs: n[9]! }];
  });
}

export interface NetCounters {
  name: string;
  receivedBytes: number;
  sentBytes: number;
  /** In either direction, as dropped. */
  errors: number;
  dropped: number;
}

/** /proc/net/dev. */
export function parseNetwork(text: string): NetCounters[] {
  return text.split('\n').flatMap((line) => {
    const [, name, rest] = /^\s*([^\s:]+):\s*(.*)$/.exec(line) ?? [];
    const n = rest?.trim().split(/\s+/).map(Number) ?? [];
    if (!name || n.length < 16 || n.some((value) => !Number.isFinite(value))) return [];
    const [receivedBytes, sentBytes] = [n[0]!, n[8]!];
    return [{ name, receivedBytes, sentBytes, errors: n[2]! + n[10]!, dropped: n[3]! + n[11]! }];
  });
}

export interface TcpCounters {
  /** Segments that were sent, without those sent again. */
  sent: number;
  /** Those that were sent again, because no answer came. */
  sentAgain: number;
}

/** /proc/net/snmp: a line of names, then one of values, for each protocol. */
export function parseTcp(text: string): TcpCounters | undefined {
  const [names, values] = [...text.matchAll(/^Tcp: (.*)$/gm)].map(([, line]) => line!.split(' '));
  const valueOf = (name: string): number | undefined => finite(values?.[names?.indexOf(name) ?? -1]);
  const [sent, sentAgain] = [valueOf('OutSegs'), valueOf('RetransSegs')];
  return sent === undefined || sentAgain === undefined ? undefined : { sent, sentAgain };
}

/** /proc/cpuinfo. ARM kernels name no model there. */
export function parseCpuInfo(text: string): { model: string; count: number } {
  const model = /^(?:model name|Processor|Hardware)\s*:\s*(.+)$/m.exec(text)?.[1] ?? 'unknown';
  return { model, count: text.match(/^processor\s*:/gm)?.length ?? 0 };
}

/** /etc/os-release. */
export function parseOsName(text: string): string | undefined {
  return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(text)?.[1];
}

function finite(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}
