import { readFile, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { journalFileName } from '../../agent/commands/command-journal.ts';
import { applyRecord, type CommandBook } from '../../agent/commands/command-book.ts';
import { replayJournal } from '../../agent/commands/journal-records.ts';
import { identityFileName, loadIdentity, saveIdentity } from '../../agent/identity/gateway-identity.ts';
import type { World } from '../../cli/demo/world.ts';
import { Cable } from './cable.ts';
import type { Remembered } from './judge.ts';

const lookEveryMs = 500;

/** A real agent in a process of its own, each of whose cells it reaches over a cable of its own. */
export class AgentHost {
  readonly gatewayId: string;
  readonly cables: readonly Cable[];
  readonly imagePath: string;
  /** What its journal ever said: what is settled for long falls out of the file. */
  readonly remembered = new Map<string, Remembered>();
  readonly #journalPath: string;
  #looking: NodeJS.Timeout | undefined;

  private constructor(gatewayId: string, cables: Cable[], stateDir: string, imagePath: string) {
    this.gatewayId = gatewayId;
    this.cables = cables;
    this.imagePath = imagePath;
    this.#journalPath = join(stateDir, journalFileName);
  }

  static async start(
    world: World,
    name: string,
    activation: { server: string; code: string; cellId: string; volumeBytes: number },
  ): Promise<AgentHost> {
    const { server, code, cellId, volumeBytes } = activation;
    await world.agentCli(name, ['activate', '--server', server, '--cell', cellId], code);
    const path = join(world.stateDir(name), identityFileName);
    const identity = (await loadIdentity(path))!;
    const cables = await Promise.all(identity.cells.map(({ webSocketUrl }) => Cable.to(webSocketUrl)));
    const cells = identity.cells.map((cell, index) => ({ ...cell, webSocketUrl: cables[index]!.url }));
    await saveIdentity(path, { ...identity, cells });
    const imagePath = join(world.dir, `${name}.img`);
    await writeFile(imagePath, randomBytes(volumeBytes));
    await world.startAgent(name);
    const host = new AgentHost(identity.gatewayId, cables, world.stateDir(name), imagePath);
    host.#looking = setInterval(() => void host.look(), lookEveryMs);
    return host;
  }

  /** Reads the journal as it is now. */
  async look(): Promise<void> {
    const bytes = await readFile(this.#journalPath).catch(() => Buffer.alloc(0));
    const book: CommandBook = new Map();
    for (const record of replayJournal(bytes).records) applyRecord(book, record);
    for (const [commandId, { starts, startedAt, endedAt, outcome }] of book) {
      const before = this.remembered.get(commandId);
      this.remembered.set(commandId, {
        starts: Math.max(starts, before?.starts ?? 0),
        startedAt: before?.startedAt ?? startedAt,
        endedAt,
        status: outcome?.status,
      });
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#looking);
    await Promise.all(this.cables.map((cable) => cable.unplug()));
  }
}
