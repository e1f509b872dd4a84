import { randomUUID } from 'node:crypto';
import { isFinal } from '../../core/commands/states.ts';
import { commandIdOf } from '../../core/commands/submission.ts';
import type { CommandState } from '../../core/model.ts';
import { percentile } from '../support/stats.ts';
import type { Fleet, LoadGateway } from './fleet.ts';
import { tenant, type LoadedServer } from './server.ts';

/** One round of one kind of work. */
export interface Round {
  count: number;
  perSec: number;
  p50Ms: number;
  p99Ms: number;
  /** Processor time of the server’s processes, and of the generator, for one of them. */
  serverCpuMs: number;
  generatorCpuMs: number;
}

/** Dials all of them, `inFlight` at a time, from the dial to its welcome. */
export function dialAll(
  server: LoadedServer,
  gateways: readonly LoadGateway[],
  inFlight: number,
): Promise<Round> {
  const waiting = [...gateways];
  return measured(server, inFlight, async () => {
    const gateway = waiting.shift();
    await gateway?.connect();
    return gateway !== undefined;
  });
}

/** How the commands of a round ended. */
export interface CommandRound extends Round {
  ended: Partial<Record<CommandState, number>>;
}

/** How long after its result was stored a command may still not read as final. */
const readTriesMax = 100;

/**
 * Sends probes to one gateway after the other, `inFlight` at a time, until `isOver`. A round trip goes from the submit
 * until the agent hears that its result is stored. How each of them ended is asked afterwards, outside of the round.
 */
export async function sendCommands(
  server: LoadedServer,
  fleet: Fleet,
  {
    gateways,
    inFlight,
    isOver,
  }: { gateways: readonly LoadGateway[]; inFlight: number; isOver: (sent: number) => boolean },
): Promise<CommandRound> {
  const ended: CommandRound['ended'] = {};
  const commands: { gatewayId: string; commandId: string }[] = [];
  let sent = 0;
  const round = await measured(server, inFlight, async () => {
    if (isOver(sent)) return false;
    const number = sent++;
    const { gatewayId } = gateways[number % gateways.length]!;
    const key = randomUUID();
    const commandId = commandIdOf(tenant.tenantId, gatewayId, key);
    const settled = fleet.settled(commandId);
    await server.submit(gatewayId, key, key);
    await settled;
    commands.push({ gatewayId, commandId });
    return true;
  });
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      for (let command = commands.pop(); command; command = commands.pop()) {
        const state = await finalState(server, command.gatewayId, command.commandId);
        ended[state] = (ended[state] ?? 0) + 1;
      }
    }),
  );
  return { ...round, ended };
}

async function finalState(server: LoadedServer, gatewayId: string, commandId: string): Promise<CommandState> {
  for (let tries = 1; ; tries++) {
    const state = await server.state(gatewayId, commandId);
    if (isFinal(state)) return state;
    if (tries === readTriesMax)
      throw new Error(`command ${commandId} is ${state}, though its result was acknowledged`);
  }
}

/** Does `one` in `inFlight` loops until each got false. */
async function measured(server: LoadedServer, inFlight: number, one: () => Promise<boolean>): Promise<Round> {
  const tookMs: number[] = [];
  const loop = async () => {
    for (;;) {
      const startedAt = performance.now();
      if (!(await one())) return;
      tookMs.push(performance.now() - startedAt);
    }
  };
  const [startedAt, serverSec, own] = [performance.now(), server.cpuSec(), process.cpuUsage()];
  await Promise.all(Array.from({ length: inFlight }, loop));
  const wallSec = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(own);
  const count = tookMs.length;
  return {
    count,
    perSec: count / wallSec,
    p50Ms: percentile(tookMs, 0.5),
    p99Ms: percentile(tookMs, 0.99),
    serverCpuMs: ((server.cpuSec() - serverSec) * 1000) / count,
    generatorCpuMs: (user + system) / 1000 / count,
  };
}
