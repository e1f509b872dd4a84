import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { run, Server } from '../support/processes.ts';
import { percentile } from '../support/stats.ts';
import type { BenchCase, Measured } from './cases.ts';
import { deliveredOfImage, deliveredOfSnapshot, pageBytes, type DeliveredAt } from './deliveries.ts';
import type { Backend, World } from './world.ts';

const guests = 2;
/** Open loop: so many reads a second are asked for, whether the last ones were answered or not. */
const readsPerSec = 4_000;
const latencyMsOfBackend = 20;

interface Contender {
  start: (world: World, backend: Backend, socket: string, target: string) => Promise<Server>;
  /** Resolves when every block has been fetched and kept. */
  done: (server: Server, socket: string) => Promise<void>;
}

const contenders: Record<string, Contender> = {
  holdfast: {
    start: (world, backend, socket, target) =>
      world.serve(
        'holdfast',
        process.execPath,
        world.agent(
          ...['restore', world.snapshotUrl, target, '--state-dir', world.path('state')],
          ...['--nbd', `unix:${socket}`, '--json'],
        ),
        socket,
        backend.env,
      ),
    done: (server) =>
      new Promise((resolve, reject) => {
        server.child.stdout?.on('data', (part: Buffer) => {
          if (part.toString().includes('"event":"restored"')) resolve();
        });
        server.child.once('exit', () => reject(new Error('holdfast ended')));
      }),
  },
  nbdkit: {
    start: (world, backend, socket) =>
      world.serve(
        'nbdkit',
        'nbdkit',
        [
          ...['-f', '-U', socket, '--filter=multi-conn', '--filter=cow', 'curl'],
          ...[`${backend.url}/image.raw`, 'cow-on-read=true'],
        ],
        socket,
        { ...process.env, TMPDIR: world.dir },
      ),
    done: async (_server, socket) => {
      await run('nbdcopy', ['-C', '8', '-T', '8', `nbd+unix:///?socket=${socket}`, 'null:']);
    },
  },
  qemu: { start: startQemu, done: (server) => streamed(server) },
};

/** An overlay that keeps what is read, filled by qemu's own block-stream. */
async function startQemu(world: World, backend: Backend, socket: string, target: string): Promise<Server> {
  await run('qemu-img', ['create', '-f', 'qcow2', target, String(world.imageBytes)]);
  const backing = { driver: 'raw', file: { driver: 'http', url: `${backend.url}/image.raw` } };
  const file = { driver: 'file', filename: target };
  const overlay = { driver: 'qcow2', 'node-name': 'overlay', file, backing };
  const reading = { driver: 'copy-on-read', 'node-name': 'reading', file: 'overlay' };
  const args = [
    ...['--chardev', 'stdio,id=qmp', '--monitor', 'chardev=qmp'],
    ...['--blockdev', JSON.stringify(overlay), '--blockdev', JSON.stringify(reading)],
    ...['--nbd-server', `addr.type=unix,addr.path=${socket},max-connections=16`],
    ...['--export', 'type=nbd,id=volume,node-name=reading,name=,writable=on'],
  ];
  return new Server('qemu', 'qemu-storage-daemon', args, process.env, true).listening(socket);
}

function streamed({ child }: Server): Promise<void> {
  const commands = [
    { execute: 'qmp_capabilities' },
    { execute: 'block-stream', arguments: { 'job-id': 'restore', device: 'overlay' } },
  ];
  for (const command of commands) child.stdin?.write(`${JSON.stringify(command)}\n`);
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (part: Buffer) => {
      text += part.toString();
      if (text.includes('BLOCK_JOB_COMPLETED')) resolve();
      const failed = /"error":.*/.exec(text)?.[0];
      if (failed) reject(new Error(`qemu: ${failed}`));
    });
    child.once('exit', () => reject(new Error('qemu ended')));
  });
}

/** One read of a guest. */
interface Read {
  /** Unix milliseconds, as exact as fio's log. */
  startedAt: number;
  latencyMs: number;
  page: number;
}

interface Guest {
  reads: Read[];
  seconds: number;
}

/** Random 4 KiB reads until told to stop. */
function guest(socket: string, log: string): { stop: () => Promise<Guest> } {
  const startedAt = performance.now();
  const child = spawn('fio', [
    ...['--name=guest', '--ioengine=nbd', `--uri=nbd+unix:///?socket=${socket}`, '--rw=randread'],
    ...['--bs=4k', '--iodepth=1', '--size=1g', '--time_based', '--runtime=600', '--output-format=json'],
    ...[`--rate_iops=${readsPerSec}`, '--randrepeat=0', `--write_lat_log=${log}`],
    ...['--log_offset=1', '--log_unix_epoch=1'],
  ]);
  child.stdout.resume();
  return {
    stop: async () => {
      const closed = once(child, 'close');
      child.kill('SIGINT');
      await closed;
      const seconds = (performance.now() - startedAt) / 1000;
      const file = `${log}_clat.1.log`;
      const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
      await Promise.all(['clat', 'lat', 'slat'].map((kind) => rm(`${log}_${kind}.1.log`, { force: true })));
      return { reads: lines.map(readOf), seconds };
    },
  };
}

/** A line of fio's log: time of completion in ms, latency in ns, direction, size, offset, … */
function readOf(line: string): Read {
  const [endedAt = NaN, latencyNs = NaN, , , offsetBytes = NaN] = line.split(',').map(Number);
  const latencyMs = latencyNs / 1e6;
  return { startedAt: endedAt - latencyMs, latencyMs, page: Math.floor(offsetBytes / pageBytes) };
}

/**
 * A read is a miss where it began before the backend had sent the page, or waited as long as the backend takes to its
 * first byte: then the page was still on its way to the contender. The others show how a guest fares with what is there
 * already: how many there were in a second, and how long they took. `hits/s busy` leaves the time out that the guest waited
 * for misses; fio makes up for such time with a burst, so who has more misses is asked faster there.
 */
function apart(guests: readonly Guest[], since: DeliveredAt): Record<string, number> {
  const isMiss = ({ startedAt, latencyMs, page }: Read) =>
    latencyMs >= latencyMsOfBackend || startedAt < (since[page] ?? Infinity);
  const all = guests.flatMap(({ reads }) => reads);
  const hits = all.filter((read) => !isMiss(read)).map(({ latencyMs }) => latencyMs);
  const misses = all.filter(isMiss).map(({ latencyMs }) => latencyMs);
  const rates = guests.map(({ reads, seconds }) => {
    const missed = reads.filter(isMiss);
    const missSeconds = missed.reduce((sum, { latencyMs }) => sum + latencyMs, 0) / 1000;
    const hitCount = reads.length - missed.length;
    return { overall: hitCount / seconds, busy: hitCount / (seconds - missSeconds) };
  });
  return {
    'hits/s': rates.reduce((sum, { overall }) => sum + overall, 0),
    'hits/s busy': rates.reduce((sum, { busy }) => sum + busy, 0),
    'hit p50 (ms)': percentile(hits, 0.5),
    'hit p99 (ms)': percentile(hits, 0.99),
    'miss p50 (ms)': percentile(misses, 0.5),
    'miss share': misses.length / all.length,
  };
}

export const withGuests: BenchCase = {
  name: 'with-guests',
  summary: `a whole image while ${guests} guests read at random, 20 ms to the first byte`,
  baseline: 'nbdkit',
  goals: {
    'time (s)': { better: 'less', goal: 0.4 },
    'hits/s': { better: 'more', goal: 1.8 },
    'hit p99 (ms)': { better: 'less', goal: 0.2 },
  },
  round: async (world, order) => {
    await using backend = await world.backend({ latencyMs: latencyMsOfBackend });
    const measured: Measured = {};
    await backend.deliveries();
    for (const [name, contender] of order(Object.entries(contenders))) {
      const socket = world.path('sock');
      const target = world.path('guests.raw');
      const startedAt = performance.now();
      const server = await contender.start(world, backend, socket, target);
      try {
        const done = contender.done(server, socket);
        const readers = Array.from({ length: guests }, (_, i) => guest(socket, world.path(`guest-${i}`)));
        await done;
        const seconds = (performance.now() - startedAt) / 1000;
        const results = await Promise.all(readers.map((reader) => reader.stop()));
        const deliveries = await backend.deliveries();
        const since =
          name === 'holdfast'
            ? await deliveredOfSnapshot(world, backend, deliveries)
            : deliveredOfImage(world, deliveries);
        measured[name] = { 'time (s)': seconds, ...apart(results, since) };
      } finally {
        await server.stop();
        await rm(target, { force: true });
      }
    }
    return measured;
  },
};
