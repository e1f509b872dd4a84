import { writeFile } from 'node:fs/promises';
import { machine } from '../support/machine.ts';
import { median } from '../support/stats.ts';
import { Fleet } from './fleet.ts';
import { dialAll, sendCommands, type CommandRound, type Round } from './load.ts';
import { requireOpenFiles } from './open-files.ts';
import type { LoadedServer } from './server.ts';
import { startEmbedded } from './start-embedded.ts';
import { startMemory } from './start-memory.ts';

export interface LoadOptions {
  store: 'dynalite' | 'memory';
  gatewayCount: number;
  rounds: number;
  /** Of each round of commands: as long, or as many. */
  until: { seconds: number } | { commands: number };
  cellCount: number;
  commandsInFlight: number;
  dialsInFlight: number;
  say: (line: string) => void;
}

export interface LoadReport {
  store: LoadOptions['store'];
  gatewayCount: number;
  /** Each connects its share of the gateways, on top of those before it. */
  dials: Round[];
  /** With all of them connected. */
  commands: CommandRound[];
  losses: number;
  retries: number;
  bytesPerConnection: { rss: number; heap?: number };
}

/** What is aimed at on two cores, generator included. */
const goals = {
  dynalite: { commandsPerSec: 100, dialsPerSec: 100 },
  memory: { commandsPerSec: 1_000, dialsPerSec: 400 },
};
const bytesPerConnectionGoal = 25_000;
/** What is compiled, opened and started at the first use is not measured. */
const warmUp = { gateways: 64, commands: 400 };

/** Connects gateways, sends them commands, and stops everything again. */
export async function load(options: LoadOptions): Promise<LoadReport> {
  const { store, gatewayCount, rounds, cellCount, say } = options;
  requireOpenFiles(gatewayCount);
  const server = store === 'memory' ? await startMemory() : await startEmbedded(cellCount);
  try {
    const fleet = new Fleet(gatewayCount, server.cells);
    try {
      await server.register(fleet.gateways.map((gateway) => gateway.item()));
      say(`${gatewayCount} gateways are in the table, put there in bulk as activation leaves them`);
      return { store, gatewayCount, ...(await measure(server, fleet, options, rounds)) };
    } finally {
      fleet.stop();
    }
  } finally {
    await server.stop();
  }
}

async function measure(server: LoadedServer, fleet: Fleet, options: LoadOptions, rounds: number) {
  const { commandsInFlight: inFlight, dialsInFlight, until, say } = options;
  const first = fleet.gateways.slice(0, Math.min(warmUp.gateways, Math.ceil(fleet.gateways.length / 4)));
  await dialAll(server, first, dialsInFlight);
  await sendCommands(server, fleet, { gateways: first, inFlight, isOver: (sent) => sent >= warmUp.commands });
  const before = await server.memory();
  const rest = fleet.gateways.slice(first.length);
  const share = Math.ceil(rest.length / rounds);
  const dials: Round[] = [];
  for (let at = 0; at < rest.length; at += share) {
    dials.push(await dialAll(server, rest.slice(at, at + share), dialsInFlight));
    say(`  dials     ${lineOf(dials.at(-1)!)}`);
  }
  const after = await server.memory();
  const perConnection = (bytes: number) => Math.round(bytes / rest.length);
  const bytesPerConnection = {
    rss: perConnection(after.rssBytes - before.rssBytes),
    ...(after.heapBytes === undefined || before.heapBytes === undefined
      ? {}
      : { heap: perConnection(after.heapBytes - before.heapBytes) }),
  };
  const commands: CommandRound[] = [];
  for (let round = 0; round < rounds; round++) {
    const endsAt = 'seconds' in until ? performance.now() + until.seconds * 1000 : Infinity;
    const countMax = 'commands' in until ? until.commands : Infinity;
    const isOver = (sent: number) => sent >= countMax || performance.now() >= endsAt;
    commands.push(await sendCommands(server, fleet, { gateways: fleet.gateways, inFlight, isOver }));
    say(`  commands  ${lineOf(commands.at(-1)!)}  ${JSON.stringify(commands.at(-1)!.ended)}`);
  }
  return { dials, commands, losses: fleet.losses, retries: server.retries(), bytesPerConnection };
}

const lineOf = ({ count, perSec, p50Ms, p99Ms, serverCpuMs, generatorCpuMs }: Round): string =>
  `${String(count).padStart(6)}  ${perSec.toFixed(1).padStart(7)}/s  p50 ${p50Ms.toFixed(1)} ms  p99 ${p99Ms.toFixed(1)} ms  ` +
  `processor ${serverCpuMs.toFixed(2)} ms server, ${generatorCpuMs.toFixed(2)} ms generator`;

/** Medians over the rounds, beside what is aimed at. */
function summary({
  store,
  dials,
  commands,
  losses,
  retries,
  bytesPerConnection,
  gatewayCount,
}: LoadReport): string[] {
  const of = (rounds: Round[], metric: keyof Round) => median(rounds.map((round) => round[metric]));
  const row = (name: string, value: string, goal = '') =>
    `  ${name.padEnd(34)} ${value.padStart(12)}  ${goal}`;
  const rate = (name: string, rounds: Round[], goal: number) =>
    row(
      name,
      of(rounds, 'perSec').toFixed(1),
      `goal ≥ ${goal}${of(rounds, 'perSec') < goal ? '  MISSED' : ''}`,
    );
  const times = (name: string, rounds: Round[]) =>
    row(name, `${of(rounds, 'p50Ms').toFixed(1)} / ${of(rounds, 'p99Ms').toFixed(1)} ms`);
  const { rss, heap } = bytesPerConnection;
  const unfinished = commands
    .flatMap(({ ended }) => Object.entries(ended))
    .filter(([state]) => state !== 'SUCCEEDED');
  return [
    `${store}, ${gatewayCount} gateways connected:`,
    rate('commands a second', commands, goals[store].commandsPerSec),
    times('submit → result stored, p50 / p99', commands),
    rate('dials a second', dials, goals[store].dialsPerSec),
    times('dial → welcome, p50 / p99', dials),
    heap === undefined
      ? // The functions' threads grow meanwhile, in the same process: no figure of connections alone.
        row('RSS per connection, with threads', String(rss))
      : row('bytes per connection, RSS', String(rss), atMost(rss, bytesPerConnectionGoal)),
    ...(heap === undefined ? [] : [row('bytes per connection, heap', String(heap))]),
    row('commands that ended otherwise', String(unfinished.length), 'goal 0'),
    row('connections lost', String(losses)),
    row('requests that were sent again', String(retries)),
  ];
}

const atMost = (value: number, goal: number): string => `goal ≤ ${goal}${value > goal ? '  MISSED' : ''}`;

export async function loadSuite(options: LoadOptions, json: string | undefined): Promise<void> {
  const report = await load(options);
  for (const line of summary(report)) options.say(line);
  const { say: _say, ...settings } = options;
  if (json) await writeFile(json, `${JSON.stringify({ ...machine(), settings, report }, null, 2)}\n`);
}
