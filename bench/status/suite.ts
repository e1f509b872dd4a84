import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createStatusCollector } from '../../agent/status/collector.ts';
import { storedBytes } from '../../agent/status/fit-heartbeat.ts';
import { linuxHost, type Host } from '../../agent/status/host.ts';
import { machine } from '../support/machine.ts';
import { median } from '../support/stats.ts';
import { makeLargeHost } from './large-host.ts';

/** The agent looks each second and reports each five minutes. */
const beatMs = 300_000;
const lookMs = 1_000;

export interface StatusCost {
  host: string;
  /** Processor time of one look, of one heartbeat with its rates, and of an inventory, ms. */
  lookMs: number;
  heartbeatMs: number;
  inventoryMs: number;
  /** Of one processor, over a beat: its looks, its heartbeat, an inventory. */
  shareOfCore: number;
  /** Of the heartbeat as the table counts it. */
  heartbeatBytes: number;
}

/** What collecting costs, by the processor time of this process. Prints a table; `say` takes its lines. */
export async function statusSuite(
  { rounds }: { rounds: number },
  say: (line: string) => void,
): Promise<StatusCost[]> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
  try {
    say(JSON.stringify(machine()));
    const costs = [
      await costOf('this machine', linuxHost(), rounds),
      await costOf('24 disks, 16 file systems', makeLargeHost(folder), rounds),
    ];
    for (const cost of costs) say(textOf(cost));
    return costs;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function costOf(name: string, real: Host, rounds: number): Promise<StatusCost> {
  // Time passes as fast as it is looked at, so that everything is read as often as it would be.
  let at = real.now();
  const collector = createStatusCollector({
    host: { ...real, now: () => at },
    versions: { agentVersion: '0.0.0', nodeVersion: process.version, arch: process.arch },
    ...{ bootId: '448fa373-865c-4ca7-a3cb-7fbdde48562d', agentStartedAt: at },
  });
  const look = () => {
    at += lookMs;
    return collector.watch([]);
  };
  const heartbeat = () => collector.heartbeat({ volumes: [], expiries: {}, starts: {} });
  const looks: number[] = [];
  const beats: number[] = [];
  const inventories: number[] = [];
  let bytes = 0;
  for (let round = 0; round < rounds; round++) {
    const all = await processorMs(async () => {
      for (let i = 0; i < beatMs / lookMs; i++) await look();
    });
    looks.push((all * lookMs) / beatMs);
    beats.push(await processorMs(async () => (bytes = storedBytes(await heartbeat()))));
    inventories.push(await processorMs(() => collector.inventory()));
  }
  const cost = { lookMs: median(looks), heartbeatMs: median(beats), inventoryMs: median(inventories) };
  const busyMs = (cost.lookMs * beatMs) / lookMs + cost.heartbeatMs + cost.inventoryMs;
  return { host: name, ...cost, shareOfCore: busyMs / beatMs, heartbeatBytes: bytes };
}

async function processorMs(run: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const textOf = (cost: StatusCost): string =>
  `${cost.host.padEnd(26)} look ${cost.lookMs.toFixed(2)} ms, heartbeat ${cost.heartbeatMs.toFixed(1)} ms, ` +
  `inventory ${cost.inventoryMs.toFixed(1)} ms: ${(cost.shareOfCore * 100).toFixed(3)} % of a processor, ` +
  `${cost.heartbeatBytes} bytes`;
