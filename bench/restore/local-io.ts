import { copyFile, rm } from 'node:fs/promises';
import { run, type Server } from '../support/processes.ts';
import type { BenchCase, Measured } from './cases.ts';
import type { World } from './world.ts';

const seconds = 3;

const contenders: Record<string, (world: World, file: string, socket: string) => Promise<Server>> = {
  holdfast: (world, file, socket) =>
    world.serve('holdfast', process.execPath, world.agent('serve', file, '--nbd', `unix:${socket}`), socket),
  nbdkit: (world, file, socket) =>
    world.serve('nbdkit', 'nbdkit', ['-f', '-U', socket, 'file', file], socket),
  'qemu-nbd': (world, file, socket) =>
    world.serve('qemu-nbd', 'qemu-nbd', ['-t', '-e', '16', '-f', 'raw', '-k', socket, file], socket),
};

interface FioSide {
  iops: number;
  bw_bytes: number;
  clat_ns: { percentile: Record<string, number> };
}

async function fio(socket: string, flags: string[]): Promise<{ read: FioSide; write: FioSide }> {
  const { stdout } = await run('fio', [
    '--name=bench',
    '--ioengine=nbd',
    `--uri=nbd+unix:///?socket=${socket}`,
    '--time_based',
    `--runtime=${seconds}`,
    '--output-format=json',
    ...flags,
  ]);
  const jobs = JSON.parse(stdout.slice(stdout.indexOf('{'))) as { jobs: { read: FioSide; write: FioSide }[] };
  return jobs.jobs[0]!;
}

async function measure(world: World, server: Server, socket: string): Promise<Record<string, number>> {
  const one = await fio(socket, ['--rw=randread', '--bs=4k', '--iodepth=1', '--size=512m']);
  const cpuBefore = server.cpuSec();
  const many = await fio(socket, ['--rw=randread', '--bs=4k', '--iodepth=16', '--size=512m']);
  const cpuPerRead = (server.cpuSec() - cpuBefore) / (many.read.iops * seconds);
  const writes = await fio(socket, ['--rw=randwrite', '--bs=4k', '--iodepth=16', '--size=512m']);
  const sequential = await fio(socket, ['--rw=read', '--bs=1m', '--iodepth=8', '--size=512m']);
  const copy = await run('nbdcopy', ['--connections=4', `nbd+unix:///?socket=${socket}`, 'null:']);
  return {
    'read qd1 p50 (us)': (one.read.clat_ns.percentile['50.000000'] ?? NaN) / 1000,
    'read qd16 (IOPS)': many.read.iops,
    'read qd16 CPU (us per I/O)': cpuPerRead * 1e6,
    'write qd16 (IOPS)': writes.write.iops,
    'sequential 1 MiB qd8 (MB/s)': sequential.read.bw_bytes / 1e6,
    'nbdcopy, 4 connections (MB/s)': world.imageBytes / 1e3 / copy.ms,
  };
}

export const localIo: BenchCase = {
  name: 'local-io',
  summary: 'a plain file over NBD, in the page cache',
  baseline: 'nbdkit',
  goals: {
    'read qd1 p50 (us)': { better: 'less', goal: 1.0 },
    'read qd16 (IOPS)': { better: 'more', goal: 1.4 },
    'read qd16 CPU (us per I/O)': { better: 'less', goal: 0.8 },
    'write qd16 (IOPS)': { better: 'more', goal: 0.9 },
    'sequential 1 MiB qd8 (MB/s)': { better: 'more', goal: 1.2 },
    'nbdcopy, 4 connections (MB/s)': { better: 'more', goal: 0.75 },
  },
  round: async (world, order) => {
    const measured: Measured = {};
    for (const [name, start] of order(Object.entries(contenders))) {
      const file = world.path('local.raw');
      await copyFile(world.image, file);
      const socket = world.path('sock');
      const server = await start(world, file, socket);
      try {
        measured[name] = await measure(world, server, socket);
      } finally {
        await server.stop();
        await rm(file);
      }
    }
    return measured;
  },
};
