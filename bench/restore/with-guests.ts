import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { run, Server } from '../support/processes.ts';
import { percentile } from '../support/stats.ts';
import type { BenchCase, Measured } from './cases.ts';
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

/** How long each read of a guest took. */
interface Reads {
  latenciesMs: number[];
  seconds: number;
}

/** Random 4 KiB reads until told to stop. */
function guest(socket: string, log: string): { stop: () => Promise<Reads> } {
  const startedAt = performance.now();
  const child = spawn('fio', [
    ...['--name=guest', '--ioengine=nbd', `--uri=nbd+unix:///?socket=${socket}`, '--rw=randread'],
    ...['--bs=4k', '--iodepth=1', '--size=1g', '--time_based', '--runtime=600', '--output-format=json'],
    ...[`--rate_iops=${readsPerSec}`, '--randrepeat=0', `--write_lat_log=${log}`],
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
      // time in ms, latency in ns, direction, …
      return { latenciesMs: lines.map((line) => Number(line.split(',')[1]) / 1e6), seconds };
    },
  };
}

/**
 * Whoever waits as long as the backend takes to its first byte waited for the backend: a miss. What is left is how a
 * guest fares with what is there already, in the time that it did not wait for misses.
 */
function apart(readers: readonly Reads[]): { readsPerSec: number; p99Ms: number; missShare: number } {
  const isMiss = (latencyMs: number) => latencyMs >= latencyMsOfBackend;
  const hits = readers.flatMap(({ latenciesMs }) => latenciesMs.filter((ms) => !isMiss(ms)));
  const all = readers.flatMap(({ latenciesMs }) => latenciesMs);
  const rates = readers.map(({ latenciesMs, seconds }) => {
    const missed = latenciesMs.filter(isMiss);
    const missSeconds = missed.reduce((sum, ms) => sum + ms, 0) / 1000;
    return (latenciesMs.length - missed.length) / (seconds - missSeconds);
  });
  return {
    readsPerSec: rates.reduce((sum, rate) => sum + rate, 0),
    p99Ms: percentile(hits, 0.99),
    missShare: 1 - hits.length / all.length,
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
        const found = apart(results);
        measured[name] = {
          'time (s)': seconds,
          'hits/s': found.readsPerSec,
          'hit p99 (ms)': found.p99Ms,
          'miss share': found.missShare,
        };
      } finally {
        await server.stop();
        await rm(target, { force: true });
      }
    }
    return measured;
  },
};
