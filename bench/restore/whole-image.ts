import { rm } from 'node:fs/promises';
import { run } from '../support/processes.ts';
import type { BenchCase, Measured } from './cases.ts';
import type { Backend, World } from './world.ts';

/** Restores everything to a file; resolves with the time from the command to its end, in ms. */
const contenders: Record<string, (world: World, backend: Backend, target: string) => Promise<number>> = {
  holdfast: async (world, backend, target) => {
    const args = ['restore', world.snapshotUrl, target, '--state-dir', world.path('state'), '--json'];
    return (await run(process.execPath, world.agent(...args), { env: backend.env })).ms;
  },
  nbdkit: async (world, backend, target) => {
    const socket = world.path('sock');
    const plugin = [
      '-f',
      '-U',
      socket,
      '--filter=multi-conn',
      '--filter=cow',
      'curl',
      `${backend.url}/image.raw`,
    ];
    const startedAt = performance.now();
    const server = await world.serve('nbdkit', 'nbdkit', plugin, socket);
    try {
      await run('nbdcopy', [
        '--connections=8',
        '--threads=8',
        '--flush',
        `nbd+unix:///?socket=${socket}`,
        target,
      ]);
      return performance.now() - startedAt;
    } finally {
      await server.stop();
    }
  },
  'curl x 8': async (world, backend, target) => {
    const part = Math.ceil(world.imageBytes / 8);
    const startedAt = performance.now();
    await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        run('curl', [
          ...['-sf', '-o', `${target}.${i}`, '-r', `${i * part}-${(i + 1) * part - 1}`],
          `${backend.url}/image.raw`,
        ]),
      ),
    );
    const ms = performance.now() - startedAt;
    await Promise.all(Array.from({ length: 8 }, (_, i) => rm(`${target}.${i}`)));
    return ms;
  },
};

export const wholeImage: BenchCase = {
  name: 'whole-image',
  summary: 'a whole image to a file, no guest, 80 MB/s a stream',
  baseline: 'nbdkit',
  goals: { 'logical MB/s': { better: 'more', goal: 1.5 } },
  round: async (world, order) => {
    await using backend = await world.backend({ bytesPerSec: 80_000_000 });
    const measured: Measured = {};
    for (const [name, restore] of order(Object.entries(contenders))) {
      const target = world.path('restored.raw');
      const ms = await restore(world, backend, target);
      measured[name] = { 'logical MB/s': world.imageBytes / 1e3 / ms };
      await rm(target, { force: true });
    }
    return measured;
  },
};
