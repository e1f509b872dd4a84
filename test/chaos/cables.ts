import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { callAgent } from '../../agent/control/control-client.ts';
import type { ApiClient } from '../../cli/api-client.ts';
import { until } from '../../cli/demo/processes.ts';
import { World } from '../../cli/demo/world.ts';
import { Random } from '../simulation/disk/random.ts';
import { startLocalCloud, type TestCloud } from '../support/local-cloud.ts';
import { operatorApi } from '../support/operator-api.ts';
import { AgentHost } from './agent-host.ts';
import { violationsOf, type Sent } from './judge.ts';
import { Pace } from './pace.ts';
import { keepPulling, noPulls, type PullCounts } from './pulls.ts';
import { keepSending, readStates, volumeId } from './senders.ts';

export interface CablesReport extends PullCounts {
  seed: number;
  commands: number;
  states: Record<string, number>;
  kinds: Record<string, number>;
  /** Those that somebody asked to be canceled. */
  cancels: number;
  /** Connections that the agents opened. */
  dials: number;
  /** From the last pull until every command was final. */
  quietMs: number;
  violations: number;
  /** What was wrong, the first of them. */
  first: string[];
}
export interface CablesOptions {
  seed: number;
  /** Asked again and again; counts are of both agents together. */
  isOver: (soFar: { pulls: number; commands: number }) => boolean;
  /** @default true */
  silenceLasts?: boolean;
  /** How long the commands may take to end once the cables are whole. */
  quietMs: number;
  onPull?: (pulls: number) => void;
}

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const cellIds = ['cell-1', 'cell-2'];
const sendersOfEach = 2;
const violationsKeptMax = 10;
const volumeBytes = 4 * 1024 * 1024;

/**
 * Two real agents and the local cloud with two cells. Each agent's connections are cut, silenced, slowed and refused
 * while commands are sent without a pause; then all is quiet, and every command must have come to its right end.
 */
export async function pullCables(options: CablesOptions): Promise<CablesReport> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-cables-'));
  const world = new World(dir, root, callAgent);
  let cloud: TestCloud | undefined;
  const hosts: AgentHost[] = [];
  try {
    cloud = await startLocalCloud({
      cells: cellIds,
      dataDir: world.dataDir,
      // The sweeper looks every five seconds.
      scheduleScale: 12,
      context: { heartbeatIntervalMs: 2_000, reconnectWindowMs: 1_000 },
    });
    const api = operatorApi(cloud);
    for (const [index, name] of ['a', 'b'].entries()) {
      const { code } = await api.call('createActivationCode', { body: { gatewayName: name } });
      const server = cloud.urls['holdfast-home']!['ApiUrl']!;
      hosts.push(await AgentHost.start(world, name, { server, code, cellId: cellIds[index]!, volumeBytes }));
    }
    for (const host of hosts) await makeVolume(api, host);
    return await run(options, api, hosts);
  } finally {
    await Promise.all(hosts.map((host) => host.stop()));
    await world.processes.stopAll();
    await cloud?.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

async function makeVolume(api: ApiClient, { gatewayId, imagePath }: AgentHost): Promise<void> {
  const body = { kind: 'volume.create', params: { volumeId, path: imagePath } };
  const { command } = await api.call('submitCommand', { params: { gatewayId }, body });
  await until('the volume', 60_000, async () => {
    const params = { gatewayId, commandId: command.commandId };
    const { state } = (await api.call('getCommand', { params })).command;
    return state === 'SUCCEEDED' ? true : undefined;
  });
}

async function run(options: CablesOptions, api: ApiClient, hosts: AgentHost[]): Promise<CablesReport> {
  const { seed, silenceLasts = true } = options;
  const pace = new Pace();
  const counts = noPulls();
  const sent: Sent[] = [];
  const problems: string[] = [];
  let seen = 0;
  const isOver = (): boolean => {
    if (counts.pulls > seen) options.onPull?.((seen = counts.pulls));
    return options.isOver({ pulls: counts.pulls, commands: sent.length });
  };
  const pulling = hosts.map(({ cables }, index) =>
    keepPulling({ cables, random: new Random(seed * 100 + index), pace, counts, silenceLasts }, isOver),
  );
  const sending = hosts.flatMap(({ gatewayId }, index) =>
    Array.from({ length: sendersOfEach }, (_, sender) => {
      const name = `${index}-${sender}`;
      const random = new Random(seed * 100 + 10 + index * sendersOfEach + sender);
      return keepSending({ api, gatewayId, random, pace, sent, problems, name }, isOver);
    }),
  );
  await Promise.all([...sending, Promise.all(sending).finally(() => pace.end()), ...pulling]);
  const healedAt = Date.now();
  for (const cable of hosts.flatMap(({ cables }) => cables)) {
    cable.slowDown(0);
    cable.refuse(false);
  }
  await quiet(api, sent, healedAt + options.quietMs);
  const quietMs = Date.now() - healedAt;
  await Promise.all(hosts.map((host) => host.look()));
  const journals = new Map(hosts.map(({ gatewayId, remembered }) => [gatewayId, remembered]));
  const violations = [...problems, ...violationsOf(sent, journals)];
  return {
    seed,
    commands: sent.length,
    states: countBy(sent.map(({ state }) => state ?? 'LOST')),
    kinds: countBy(sent.map(({ kind }) => kind)),
    cancels: sent.filter(({ isCanceled }) => isCanceled).length,
    ...counts,
    dials: hosts.flatMap(({ cables }) => cables).reduce((sum, { dials }) => sum + dials, 0),
    quietMs,
    violations: violations.length,
    first: violations.slice(0, violationsKeptMax),
  };
}

/** Until every command is final, or the time is over. What fell silent stays so: the agents have to find out. */
async function quiet(api: ApiClient, sent: readonly Sent[], deadline: number): Promise<void> {
  while ((await readStates(api, sent)) > 0 && Date.now() < deadline)
    await new Promise((resolve) => setTimeout(resolve, 500));
}

function countBy(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names.toSorted()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}
