import { open, rm } from 'node:fs/promises';
import { NbdClient } from '../../cli/demo/nbd-client.ts';
import type { Server } from '../support/processes.ts';
import { percentile } from '../support/stats.ts';
import type { BenchCase, Measured } from './cases.ts';
import { PlainGets } from './plain-gets.ts';
import type { Backend, World } from './world.ts';

/** Blocks and chunks are as long as this. */
const chunkBytes = 256 * 1024;

/** A restore at full speed, served; `restored` tells how far it is. */
async function restoring(world: World, backend: Backend) {
  const socket = world.path('sock');
  const target = world.path('busy.raw');
  const args = ['restore', world.snapshotUrl, target, '--state-dir', world.path('state')];
  const serving = world.agent(...args, '--nbd', `unix:${socket}`, '--export-name', '', '--json');
  const server: Server = await world.serve('holdfast', process.execPath, serving, socket, backend.env);
  let fraction = 0;
  server.child.stdout?.on('data', (part: Buffer) => {
    for (const [, text] of part.toString().matchAll(/"fraction":([0-9.]+)/g)) fraction = Number(text);
  });
  const nbd = await NbdClient.open(socket, '');
  return {
    nbd,
    fraction: () => fraction,
    [Symbol.asyncDispose]: async () => {
      nbd.close();
      await server.stop();
      await rm(target, { force: true });
    },
  };
}

export const coldMiss: BenchCase = {
  name: 'cold-miss',
  summary:
    'a 4 KiB read of a block that is not restored, the background at full speed, 20 ms to the first byte',
  baseline: 'plain GET',
  goals: {
    'p50 (ms)': { better: 'less', goal: 1.1 },
    'p99 (ms)': { better: 'less', goal: 1.5 },
  },
  round: async (world) => {
    await using backend = await world.backend({ latencyMs: 20 });
    await using restore = await restoring(world, backend);
    const gets = new PlainGets(`${backend.url}/image.raw`);
    const times: Record<'holdfast' | 'plain GET', number[]> = { holdfast: [], 'plain GET': [] };
    // From the back, where the background comes last; every other chunk is the plain GET's.
    const last = Math.floor(world.imageBytes / chunkBytes) - 1;
    for (let i = 0; restore.fraction() < 0.45 && i < last / 2; i++) {
      const chunk = last - i;
      // Holes ask for nothing.
      if (Math.floor((chunk * chunkBytes) / 2 ** 20) % 4 === 3) continue;
      if (i % 2) {
        times['plain GET'].push(await gets.ms(chunk * chunkBytes, chunkBytes));
        continue;
      }
      const startedAt = performance.now();
      await restore.nbd.read(chunk * chunkBytes + 4096, 4096);
      times.holdfast.push(performance.now() - startedAt);
    }
    return Object.fromEntries(
      Object.entries(times).map(([name, all]) => [
        name,
        { 'p50 (ms)': percentile(all.slice(2), 0.5), 'p99 (ms)': percentile(all.slice(2), 0.99) },
      ]),
    );
  },
};

export const flush: BenchCase = {
  name: 'flush',
  summary: 'FLUSH after a 4 KiB write, the background at full speed; one fdatasync of 8 MiB',
  baseline: 'fdatasync of 8 MiB',
  goals: {
    'p50 (ms)': { better: 'less', goal: 1.5 },
    'p99 (ms)': { better: 'less', goal: 3 },
  },
  round: async (world, order) => {
    await using backend = await world.backend({});
    const measured: Measured = {};
    const contenders: Record<string, () => Promise<number[]>> = {
      holdfast: async () => {
        await using restore = await restoring(world, backend);
        const times: number[] = [];
        const bytes = Buffer.alloc(4096, 1);
        while (restore.fraction() < 0.8 && times.length < 2000) {
          await restore.nbd.write(4096 * (times.length % 64), bytes);
          const startedAt = performance.now();
          await restore.nbd.flush();
          times.push(performance.now() - startedAt);
        }
        return times;
      },
      'fdatasync of 8 MiB': async () => {
        const path = world.path('dirty');
        const bytes = Buffer.alloc(8 * 2 ** 20, 7);
        const times: number[] = [];
        await using file = await open(path, 'w');
        for (let i = 0; i < 60; i++) {
          await file.write(bytes, 0, bytes.length, (i % 16) * bytes.length);
          const startedAt = performance.now();
          await file.datasync();
          times.push(performance.now() - startedAt);
        }
        await rm(path);
        return times;
      },
    };
    for (const [name, run] of order(Object.entries(contenders))) {
      const times = await run();
      measured[name] = { 'p50 (ms)': percentile(times, 0.5), 'p99 (ms)': percentile(times, 0.99) };
    }
    return measured;
  },
};
