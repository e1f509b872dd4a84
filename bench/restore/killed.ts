import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { run, Server } from '../support/processes.ts';
import type { BenchCase, Measured } from './cases.ts';

export const killed: BenchCase = {
  name: 'killed',
  summary: 'kill -9 half-way, then the same command to the end; 20 ms to the first byte',
  baseline: 'from scratch',
  goals: { 'time (s)': { better: 'less', goal: 0.55 } },
  round: async (world, order) => {
    await using backend = await world.backend({ latencyMs: 20 });
    const measured: Measured = {};
    const restoreArgs = () => {
      const target = world.path('killed.raw');
      const state = ['--state-dir', world.path('state')];
      return { target, args: world.agent('restore', world.snapshotUrl, target, ...state, '--json') };
    };
    const toEnd = async (args: string[]) =>
      (await run(process.execPath, args, { env: backend.env })).ms / 1000;
    const contenders: Record<string, () => Promise<number>> = {
      'from scratch': async () => {
        const { target, args } = restoreArgs();
        const seconds = await toEnd(args);
        await rm(target);
        return seconds;
      },
      holdfast: async () => {
        const { target, args } = restoreArgs();
        const first = new Server('holdfast', process.execPath, args, backend.env);
        const gone = once(first.child, 'exit');
        first.child.stdout?.on('data', (part: Buffer) => {
          for (const [, text] of part.toString().matchAll(/"fraction":([0-9.]+)/g))
            if (Number(text) >= 0.5) first.child.kill('SIGKILL');
        });
        await gone;
        const seconds = await toEnd(args);
        await rm(target);
        return seconds;
      },
    };
    for (const [name, contender] of order(Object.entries(contenders)))
      measured[name] = { 'time (s)': await contender() };
    return measured;
  },
};
