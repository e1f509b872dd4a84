import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { run, Server } from '../support/processes.ts';
import type { BenchCase, Measured } from './cases.ts';
import type { Backend, World } from './world.ts';

const guests = 2;
/** Open loop: so many reads a second are asked for, whether the last ones were answered or not. */
const readsPerSec = 4_000;

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

/** Random 4 KiB reads until told to stop; resolves with how many a second were answered, and their p99 in ms. */
function guest(socket: string): { stop: () => Promise<{ iops: number; p99Ms: number }> } {
  const child = spawn('fio', [
    ...['--name=guest', '--ioengine=nbd', `--uri=nbd+unix:///?socket=${socket}`, '--rw=randread'],
    ...['--bs=4k', '--iodepth=1', '--size=1g', '--time_based', '--runtime=600', '--output-format=json'],
    ...[`--rate_iops=${readsPerSec}`, '--randrepeat=0'],
  ]);
  let text = '';
  child.stdout.on('data', (part: Buffer) => (text += part.toString()));
  return {
    stop: async () => {
      const closed = once(child, 'close');
      child.kill('SIGINT');
      await closed;
      const { jobs } = JSON.parse(text.slice(text.indexOf('{'))) as {
        jobs: { read: { iops: number; clat_ns: { percentile?: Record<string, number> } } }[];
      };
      const { iops, clat_ns } = jobs[0]!.read;
      return { iops, p99Ms: (clat_ns.percentile?.['99.000000'] ?? NaN) / 1e6 };
    },
  };
}

export const withGuests: BenchCase = {
  name: 'with-guests',
  summary: `a whole image while ${guests} guests read at random, 20 ms to the first byte`,
  baseline: 'nbdkit',
  goals: {
    'time (s)': { better: 'less', goal: 0.4 },
    'reads/s': { better: 'more', goal: 1.8 },
    'read p99 (ms)': { better: 'less', goal: 0.2 },
  },
  round: async (world, order) => {
    await using backend = await world.backend({ latencyMs: 20 });
    const measured: Measured = {};
    for (const [name, contender] of order(Object.entries(contenders))) {
      const socket = world.path('sock');
      const target = world.path('guests.raw');
      const startedAt = performance.now();
      const server = await contender.start(world, backend, socket, target);
      try {
        const done = contender.done(server, socket);
        const readers = Array.from({ length: guests }, () => guest(socket));
        await done;
        const seconds = (performance.now() - startedAt) / 1000;
        const results = await Promise.all(readers.map((reader) => reader.stop()));
        measured[name] = {
          'time (s)': seconds,
          'reads/s': results.reduce((sum, { iops }) => sum + iops, 0),
          'read p99 (ms)': Math.max(...results.map(({ p99Ms }) => p99Ms)),
        };
      } finally {
        await server.stop();
        await rm(target, { force: true });
      }
    }
    return measured;
  },
};
