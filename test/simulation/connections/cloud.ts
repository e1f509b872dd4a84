import { dialProblem, dialClaims } from '../../../core/identity/dial-token.ts';
import { silentLog } from '../../../core/log.ts';
import type { HolderItem } from '../../../core/model.ts';
import { burnDial } from '../../../core/routes/route-rules.ts';
import { HoldfastError } from '../../../core/errors.ts';
import { cancelCommand, submitCommand } from '../../../lambda/commands/command-service.ts';
import { forwarding, type ForwardingMode } from '../../../lambda/commands/forwarding.ts';
import { handOver } from '../../../lambda/commands/hand-over.ts';
import type { Cells, CommandStore, GatewayStore } from '../../../lambda/commands/ports.ts';
import { reportTypes, takeReport } from '../../../lambda/commands/report.ts';
import { sweep } from '../../../lambda/commands/sweep.ts';
import { greet, leave } from '../../../lambda/connections/greet.ts';
import { receive, type Socket } from '../../../lambda/connections/socket.ts';
import { gatewayItem } from '../../support/gateway-item.ts';
import { memoryHolders, MemoryStores } from '../../support/memory-stores.ts';
import type { Connection, Dial } from './network.ts';
import type { Run } from './runs.ts';
import { Watch } from './watch.ts';
import type { Cloud, Ending, SendCommand, World } from './world.ts';

const tenantId = 'acme';
const caller = { tenantId, principal: { kind: 'operator', id: 'op' } } as const;

/** The parts of the cloud that a deliberately broken build replaces, to see that the simulation notices. */
export interface CloudBreakage {
  gateways?: (store: GatewayStore, run: Run) => GatewayStore;
  commands?: (store: CommandStore, run: Run) => CommandStore;
}

/** What an agent signs; the signature alone is left out here. */
export interface SimulatedToken {
  seq: number;
  issuedAt: number;
}

/** Cells and home: the real handlers over stores in memory, every call of them a step of the schedule. */
export class HoldfastCloud implements Cloud {
  readonly stores = new MemoryStores();
  readonly watch: Watch;
  readonly #world: World;
  readonly #mode: ForwardingMode;
  readonly #breakage: CloudBreakage;
  readonly #holders: Map<string, Map<string, HolderItem>>;

  constructor(world: World, mode: ForwardingMode, breakage: CloudBreakage = {}) {
    this.#world = world;
    this.#mode = mode;
    this.#breakage = breakage;
    this.#holders = new Map(world.cellIds.map((cellId) => [cellId, new Map<string, HolderItem>()]));
    this.watch = new Watch(this.stores, world.network, world.tally);
    for (const gatewayId of world.gatewayIds)
      this.stores.gateways.set(gatewayId, gatewayItem({ gatewayId, tenantId }));
  }

  // What people do.

  submit(
    gatewayId: string,
    send: SendCommand,
    answered: (commandId: string) => void,
    failed: (why: unknown) => void,
  ): void {
    const work = async (run: Run): Promise<void> => {
      const { command } = await submitCommand(this.#home(run), caller, gatewayId, send);
      answered(command.commandId);
    };
    this.#world.runs.begin('submit', work, { failed });
  }

  cancel(gatewayId: string, commandId: string): void {
    this.#world.runs.begin('cancel', async (run) => {
      await cancelCommand(this.#home(run), caller, gatewayId, commandId);
    });
  }

  sweep(): void {
    this.#world.runs.begin('sweep', async (run) => void (await sweep(this.#home(run), Infinity)));
  }

  // What the network brings.

  authorize(dial: Dial, answered: (epoch: number | undefined) => void, failed: () => void): void {
    const { seq, issuedAt } = JSON.parse(dial.token) as SimulatedToken;
    const { gatewayId, cellId } = dial;
    const claims = dialClaims({
      gatewayId,
      cellId,
      dialSeq: seq,
      keyGeneration: 1,
      tokenId: 't',
      nowMs: issuedAt,
    });
    const work = async (run: Run): Promise<void> => {
      const isWrong = dialProblem(claims, { cellId, nowMs: this.#world.scheduler.nowMs });
      const { gateways } = this.#shared(run);
      answered(!isWrong && (await gateways.update(gatewayId, burnDial(seq, 1))) ? seq : undefined);
    };
    this.#world.runs.begin('authorizer', work, { failed });
  }

  connected(): void {
    // Nothing is routable yet.
  }

  frame(connection: Connection, text: string): void {
    const socket = socketOf(connection);
    const work = async (run: Run): Promise<void> => {
      const deps = this.#cell(run, connection.cellId);
      const message = await receive(deps, socket, text, [
        'hello',
        'bye',
        'probe.ok',
        'reject',
        ...reportTypes,
      ]);
      if (message?.t === 'hello') {
        await greet(deps, socket, message);
        this.watch.greeted(connection, this.#world.scheduler.nowMs);
      } else if (message?.t === 'cmd.ack' || message?.t === 'cmd.progress' || message?.t === 'cmd.result')
        await takeReport(deps, socket, message);
    };
    const failed = () => this.#world.network.notHandled(connection);
    this.#world.runs.begin('route', work, { connection, failed });
  }

  disconnected(connection: Connection): void {
    const work = (run: Run) => leave(this.#cell(run, connection.cellId), socketOf(connection));
    this.#world.runs.begin('disconnect', work, { connection });
  }

  // What is judged.

  commands(): Ending[] {
    return [...this.stores.commands.values()];
  }
  routeOf(gatewayId: string): string | undefined {
    return this.stores.gateways.get(gatewayId)?.route?.connectionId;
  }
  grantsOf(gatewayId: string): string[] {
    return Object.keys(this.stores.gateways.get(gatewayId)?.grants ?? {});
  }
  trailOf(commandId: string): string[] {
    const entries = [...this.stores.audit.values()].filter(
      ({ subject }) => subject['commandId'] === commandId,
    );
    return entries.map(({ action }) => action);
  }
  isOutdated(connection: Connection, run: Run): boolean {
    return this.watch.isOutdated(connection, run);
  }

  // What a function finds.

  #shared(run: Run) {
    const { runs, scheduler } = this.#world;
    const gateways = this.watch.gateways(this.stores.gatewayStore(), run);
    const commands = this.watch.commands(this.stores.commandStore());
    return {
      gateways: runs.over(run, 'gateways', this.#breakage.gateways?.(gateways, run) ?? gateways),
      commands: runs.over(run, 'commands', this.#breakage.commands?.(commands, run) ?? commands),
      audit: runs.over(run, 'audit', this.stores.auditTrail()),
      cells: this.#cells(run),
      clock: {
        now: () => Math.floor(scheduler.nowMs),
        newId: () => `m${Math.floor(scheduler.random() * 1e12)}`,
      },
      log: silentLog,
    };
  }

  #home(run: Run) {
    const shared = this.#shared(run);
    return { ...shared, cellId: undefined, reach: forwarding(this.#mode, shared) };
  }

  #cell(run: Run, cellId: string) {
    const { runs, network } = this.#world;
    return {
      ...this.#shared(run),
      cellId,
      holders: runs.over(run, 'holders', memoryHolders(this.#holders.get(cellId)!)),
      connections: runs.over(run, 'connections', network.connections(cellId, run), { canFail: false }),
      heartbeatIntervalMs: 300_000,
      reconnectWindowMs: 30_000,
      changeBurst: 5,
    };
  }

  #cells(run: Run): Cells {
    const { runs, scheduler, cellIds } = this.#world;
    const deliver: Cells['deliver'] = (cellId, request) =>
      new Promise((resolve, reject) => {
        const isSilent = scheduler.chance(runs.faults.silentCell);
        if (isSilent && scheduler.chance(0.5)) return reject(silent(cellId));
        const work = async (remote: Run): Promise<void> => {
          const answer = await handOver(this.#cell(remote, cellId), request);
          if (isSilent) reject(silent(cellId));
          else resolve(answer);
        };
        runs.begin('deliver', work, { caller: run, failed: () => reject(silent(cellId)) });
      });
    return runs.over(
      run,
      'cells',
      { list: () => Promise.resolve([...cellIds]), deliver },
      { canFail: false },
    );
  }
}

const silent = (cellId: string) => new HoldfastError('UNAVAILABLE', `cell ${cellId} does not answer`);

const socketOf = ({ id, gatewayId, epoch }: Connection): Socket => ({
  connectionId: id,
  gatewayId,
  tenantId,
  epoch,
  keyGeneration: 1,
});
