import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NbdClient } from '../../cli/demo/nbd-client.ts';
import { Server } from '../support/processes.ts';
import { median } from '../support/stats.ts';
import type { BenchCase, Measured } from './cases.ts';
import { PlainGets } from './plain-gets.ts';
import type { Backend, World } from './world.ts';

const attempts = 15;
const latencyMs = 20;
const largeBytes = 8 * 2 ** 40;

/** A sparse volume of 8 TiB with a little in it, as a snapshot. */
async function largeSnapshot(world: World): Promise<string> {
  return world.snapshotOf('large', async (path) => {
    await using file = await open(path, 'w');
    await file.truncate(largeBytes);
    for (let i = 0; i < 64; i++)
      await file.write(Buffer.alloc(4096, i + 1), 0, 4096, Math.floor((largeBytes / 64) * (i + 0.5)));
  });
}

/** An agent that runs, with a volume that was restored before and is restored again for each measurement. */
class Agent implements AsyncDisposable {
  readonly #server: Server;
  readonly #lines: AsyncIterator<string>;
  readonly #nbd: NbdClient;

  private constructor(server: Server, lines: AsyncIterator<string>, nbd: NbdClient) {
    this.#server = server;
    this.#lines = lines;
    this.#nbd = nbd;
  }

  static async start(world: World, backend: Backend, sizeBytes: number): Promise<Agent> {
    const host = join(dirname(fileURLToPath(import.meta.url)), 'agent-host.ts');
    const socket = world.path('sock');
    const server = new Server(
      'agent',
      process.execPath,
      [host, world.path('state'), socket],
      backend.env,
      true,
    );
    const lines = createInterface({ input: server.child.stdout! })[Symbol.asyncIterator]();
    await lines.next();
    const ask = async (line: string) => Agent.ask(server, lines, line);
    await ask(`create v ${world.path('volume')} ${sizeBytes}`);
    return new Agent(server, lines, await NbdClient.open(socket, 'v'));
  }

  static async ask(server: Server, lines: AsyncIterator<string>, line: string): Promise<void> {
    server.child.stdin!.write(`${line}\n`);
    const { value } = await lines.next();
    if (value !== 'ok') throw new Error(`${line}: ${value}`);
  }

  /** From the command to the first byte, in ms. */
  async firstBlockMs(snapshotId: string, offsetBytes: number): Promise<number> {
    const startedAt = performance.now();
    await Agent.ask(this.#server, this.#lines, `restore v ${snapshotId}`);
    await this.#nbd.read(offsetBytes, 4096);
    const ms = performance.now() - startedAt;
    await Agent.ask(this.#server, this.#lines, 'cancel v');
    return ms;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#nbd.close();
    const gone = once(this.#server.child, 'exit');
    this.#server.child.stdin!.end();
    await gone;
  }
}

async function agentMs(world: World, backend: Backend, large: boolean): Promise<number> {
  const snapshotId = large ? await largeSnapshot(world) : world.snapshotId;
  await using agent = await Agent.start(world, backend, large ? largeBytes : world.imageBytes);
  const times: number[] = [];
  for (let i = 0; i < attempts + 2; i++) {
    const at = large
      ? (largeBytes / 64) * (((i * 7) % 64) + 0.5)
      : ((i * 37) % (world.imageBytes / 2 ** 22)) * 2 ** 22;
    times.push(await agent.firstBlockMs(snapshotId, Math.floor(at)));
  }
  // The first two pay for what an agent that runs has paid.
  return median(times.slice(2));
}

export const firstBlock: BenchCase = {
  name: 'first-block',
  summary: `from a restore command to the first block, an agent that runs, ${latencyMs} ms to the first byte`,
  baseline: 'plain GET',
  goals: { 'time (ms)': { better: 'less', goal: 2.2 } },
  round: async (world, order) => {
    await using backend = await world.backend({ latencyMs });
    const measured: Measured = {};
    const contenders: [string, () => Promise<number>][] = [
      ['holdfast', () => agentMs(world, backend, false)],
      ['holdfast, 8 TiB', () => agentMs(world, backend, true)],
      [
        'plain GET',
        async () => {
          const gets = new PlainGets(`${backend.url}/image.raw`);
          const times: number[] = [];
          for (let i = 0; i < attempts + 1; i++) times.push(await gets.ms(i * 2 ** 20, 256 * 1024));
          return median(times.slice(1));
        },
      ],
    ];
    for (const [name, run] of order(contenders)) measured[name] = { 'time (ms)': await run() };
    return measured;
  },
};

/** From the start of the program. */
const cold: Record<string, (world: World, backend: Backend, socket: string) => Promise<Server>> = {
  holdfast: (world, backend, socket) => {
    const target = ['restore', world.snapshotUrl, world.path('cold.raw'), '--state-dir', world.path('state')];
    const args = world.agent(...target, '--nbd', `unix:${socket}`, '--export-name', '', '--json');
    return world.serve('holdfast', process.execPath, args, socket, backend.env);
  },
  nbdkit: (world, backend, socket) =>
    world.serve('nbdkit', 'nbdkit', ['-f', '-U', socket, 'curl', `${backend.url}/image.raw`], socket),
};

export const coldStart: BenchCase = {
  name: 'cold-start',
  summary: `from the start of the program to the first block, ${latencyMs} ms to the first byte`,
  baseline: 'nbdkit',
  goals: { 'time (ms)': { better: 'less', goal: 3 } },
  round: async (world, order) => {
    await using backend = await world.backend({ latencyMs });
    const measured: Measured = {};
    for (const [name, start] of order(Object.entries(cold))) {
      const socket = world.path('sock');
      const startedAt = performance.now();
      const server = await start(world, backend, socket);
      try {
        const nbd = await NbdClient.open(socket, '');
        await nbd.read(world.imageBytes / 2, 4096);
        measured[name] = { 'time (ms)': performance.now() - startedAt };
        nbd.close();
      } finally {
        await server.stop();
      }
    }
    return measured;
  },
};
