import { Child } from '../support/child.ts';
import { cpuSecOf } from '../support/processes.ts';
import type { MemoryAnswers } from './memory-server.ts';
import type { LoadedServer } from './server.ts';

const batchCount = 500;

/** Starts one process: the emulated API Gateway and the handlers over a store in memory, called over IPC. */
export async function startMemory(execArgv: readonly string[] = []): Promise<LoadedServer> {
  const file = new URL('./memory-server.ts', import.meta.url);
  const child = new Child<MemoryAnswers>(file, [], ['--expose-gc', ...execArgv]);
  const cells = await child.ask('cells');
  return {
    cells,
    async register(gateways) {
      for (let at = 0; at < gateways.length; at += batchCount)
        await child.ask('register', gateways.slice(at, at + batchCount));
    },
    submit: (...command) => child.ask('submit', ...command),
    state: (...command) => child.ask('state', ...command),
    retries: () => 0,
    cpuSec: () => cpuSecOf(child.process.pid ?? 0),
    memory: () => child.ask('memory'),
    stop: () => child.end(),
  };
}
