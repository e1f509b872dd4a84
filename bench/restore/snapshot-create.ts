import { run } from '../support/processes.ts';
import type { BenchCase, Measured } from './cases.ts';
import type { Backend, World } from './world.ts';

const contenders: Record<string, (world: World, backend: Backend) => Promise<number>> = {
  holdfast: async (world, backend) => {
    const to = `s3://bucket/${world.path('vol').split('/').at(-1)}`;
    const args = ['snapshot', 'create', world.image, '--to', to, '--json'];
    return (await run(process.execPath, world.agent(...args), { env: backend.env })).ms;
  },
  'zstd -1 -T0 | curl': async (world, backend) => {
    const url = `${backend.url}/upload/${world.path('image.zst').split('/').at(-1)}`;
    const pipe = `zstd -1 -T0 -c '${world.image}' | curl -sf -T - '${url}'`;
    return (await run('bash', ['-o', 'pipefail', '-c', pipe])).ms;
  },
};

export const snapshotCreate: BenchCase = {
  name: 'snapshot-create',
  summary: 'a snapshot of a local file',
  baseline: 'zstd -1 -T0 | curl',
  goals: { 'logical MB/s': { better: 'more', goal: 0.8 } },
  round: async (world, order) => {
    await using backend = await world.backend({});
    const measured: Measured = {};
    for (const [name, create] of order(Object.entries(contenders)))
      measured[name] = { 'logical MB/s': world.imageBytes / 1e3 / (await create(world, backend)) };
    return measured;
  },
};
