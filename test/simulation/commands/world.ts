import type { CommandKind } from '../../../core/command-kinds.ts';
import { silentLog } from '../../../core/log.ts';
import type { GatewayItem, HolderItem } from '../../../core/model.ts';
import { applied } from '../../../core/routes/guarded-update.ts';
import { burnDial } from '../../../core/routes/route-rules.ts';
import { cancelCommand, submitCommand } from '../../../lambda/commands/command-service.ts';
import { forwarding, type ForwardingMode } from '../../../lambda/commands/forwarding.ts';
import { handOver } from '../../../lambda/commands/hand-over.ts';
import type { Cells, CommandStore, GatewayStore } from '../../../lambda/commands/ports.ts';
import { reportTypes, takeReport } from '../../../lambda/commands/report.ts';
import { sweep } from '../../../lambda/commands/sweep.ts';
import type { Connections } from '../../../lambda/aws/connections.ts';
import { greet, leave } from '../../../lambda/connections/greet.ts';
import { receive, type Socket } from '../../../lambda/connections/socket.ts';
import { gatewayItem } from '../../support/gateway-item.ts';
import { memoryHolders, MemoryStores } from '../../support/memory-stores.ts';
import { Host, type Connection, type Wire } from './host.ts';
import { scheduled, Scheduler, type Actor } from './scheduler.ts';
import { Watch } from './watch.ts';

export const gatewayId = 'gw-1';
const tenantId = 'acme';
const cellIds = ['cell-1', 'cell-2'];
const caller = { tenantId, principal: { kind: 'operator', id: 'op' } } as const;

/** What the network and the cloud may do wrong, as chances. */
export interface Faults {
  crash: number;
  lostFrame: number;
  doubleFrame: number;
  lostDisconnect: number;
  wrongPostAnswer: number;
  silentCell: number;
}
export const noFaults: Faults = {
  crash: 0,
  lostFrame: 0,
  doubleFrame: 0,
  lostDisconnect: 0,
  wrongPostAnswer: 0,
  silentCell: 0,
};

/** The parts of the cloud that a deliberately broken build may replace, to see that the simulation notices. */
export interface Sabotage {
  gateways?: (store: GatewayStore) => GatewayStore;
  commands?: (store: CommandStore) => CommandStore;
}

/** Two cells, home, and the hosts of one gateway: the real handlers over stores in memory. */
export class World implements Wire {
  readonly scheduler: Scheduler;
  readonly stores = new MemoryStores();
  readonly holders = new Map(cellIds.map((cellId) => [cellId, new Map<string, HolderItem>()]));
  readonly starts = new Map<string, number>();
  readonly hosts: Host[];
  /** Idempotency keys whose submit was answered, with the command that was promised. */
  readonly promised = new Map<string, string>();
  readonly watch = new Watch(this.stores, gatewayId);
  readonly #mode: ForwardingMode;
  readonly #sabotage: Sabotage;
  #faults: Faults = noFaults;
  #actors = 0;
  #connections: Connection[] = [];

  constructor(seed: number, mode: ForwardingMode, sabotage: Sabotage = {}, HostClass: typeof Host = Host) {
    this.scheduler = new Scheduler(seed);
    this.#mode = mode;
    this.#sabotage = sabotage;
    this.hosts = ['host', 'clone'].map((name) => new HostClass(name, this.scheduler, this, this.starts));
    this.stores.gateways.set(gatewayId, gatewayItem({ gatewayId, tenantId }));
  }

  set faults(faults: Faults) {
    this.#faults = faults;
    this.scheduler.crashChance = faults.crash;
  }

  get gateway(): GatewayItem {
    return this.stores.gateways.get(gatewayId)!;
  }

  // What people and schedules do.

  submit(key: string, kind: CommandKind): void {
    const params: Record<string, string> =
      kind === 'probe' || kind === 'service.restart' ? {} : { volumeId: 'v1' };
    const request = {
      kind,
      params,
      idempotencyKey: key,
      whenOffline: 'queue',
      expiresInMs: 3_600_000,
    } as const;
    this.#run('submit', async (actor) => {
      const { command } = await submitCommand(this.#home(actor), caller, gatewayId, request);
      this.promised.set(key, command.commandId);
    });
  }

  cancel(commandId: string): void {
    this.#run('cancel', async (actor) => {
      await cancelCommand(this.#home(actor), caller, gatewayId, commandId);
    });
  }

  sweep(): void {
    this.#run('sweep', async (actor) => void (await sweep(this.#home(actor), Infinity)));
  }

  // What the network does.

  dial(host: Host, dialSeq: number): Connection | undefined {
    const burned = applied(burnDial(dialSeq, 1), this.gateway, {});
    if (!burned) return undefined;
    this.stores.gateways.set(gatewayId, burned);
    const cellId = this.scheduler.pick(cellIds);
    const id = `c${this.#connections.length + 1}-${host.name}`;
    const connection: Connection = { id, epoch: dialSeq, cellId, host, open: true };
    this.#connections.push(connection);
    return connection;
  }

  send(connection: Connection, frame: string): void {
    if (!connection.open || this.scheduler.chance(this.#faults.lostFrame)) return;
    const copies = this.scheduler.chance(this.#faults.doubleFrame) ? 2 : 1;
    for (let i = 0; i < copies; i++)
      this.scheduler.later(`${connection.id} sends ${frame.slice(0, 24)}`, () =>
        this.#handle(connection, frame),
      );
  }

  close(connection: Connection): void {
    if (!connection.open) return;
    connection.open = false;
    connection.host.lostConnection(connection);
    if (this.scheduler.chance(this.#faults.lostDisconnect)) return;
    this.scheduler.later(`$disconnect of ${connection.id}`, () =>
      this.#run('disconnect', (actor) => leave(this.#cell(actor, connection.cellId), socketOf(connection))),
    );
  }

  // What the cloud runs.

  #handle(connection: Connection, frame: string): void {
    const socket = socketOf(connection);
    this.#run('route', async (actor) => {
      const deps = this.#cell(actor, connection.cellId);
      const message = await receive(deps, socket, frame, ['hello', ...reportTypes]);
      if (message?.t === 'hello') {
        await greet(deps, socket, message);
        this.watch.settled(socket.connectionId, message.body.journalId);
      } else if (message) await takeReport(deps, socket, message);
    });
  }

  #run(name: string, work: (actor: Actor) => Promise<void>): void {
    this.#actors += 1;
    const actor = { name: `${name}#${this.#actors}`, crashed: false };
    work(actor).catch((error: unknown) => {
      if (!(error instanceof Error && 'code' in error))
        this.scheduler.trace.push(`  failed: ${String(error)}`);
    });
  }

  #clock = {
    now: () => this.scheduler.nowMs,
    newId: () => `m${Math.floor(this.scheduler.random() * 1e9)}`,
  };

  #shared(actor: Actor) {
    const intact = {
      gateways: this.watch.gateways(this.stores.gatewayStore()),
      commands: this.watch.commands(this.stores.commandStore()),
    };
    const gateways = this.#sabotage.gateways?.(intact.gateways) ?? intact.gateways;
    const commands = this.#sabotage.commands?.(intact.commands) ?? intact.commands;
    return {
      gateways: scheduled(this.scheduler, actor, 'gateways', gateways),
      commands: scheduled(this.scheduler, actor, 'commands', commands),
      cells: this.#cells(actor),
      clock: this.#clock,
      log: silentLog,
    };
  }

  #home(actor: Actor) {
    const shared = this.#shared(actor);
    return { ...shared, cellId: undefined, reach: forwarding(this.#mode, shared) };
  }

  #cell(actor: Actor, cellId: string) {
    return {
      ...this.#shared(actor),
      cellId,
      holders: scheduled(this.scheduler, actor, 'holders', memoryHolders(this.holders.get(cellId)!)),
      connections: scheduled(this.scheduler, actor, 'connections', this.#posts(cellId)),
      heartbeatIntervalMs: 300_000,
      reconnectWindowMs: 30_000,
      changeBurst: 5,
    };
  }

  #cells(actor: Actor): Cells {
    const deliver: Cells['deliver'] = (cellId, request) =>
      new Promise((resolve, reject) => {
        const silent = this.scheduler.chance(this.#faults.silentCell);
        if (silent && this.scheduler.chance(0.5)) return reject(new Error('the cell is silent'));
        this.#run('deliver', async (remote) => {
          const answer = await handOver(this.#cell(remote, cellId), request);
          if (silent) reject(new Error('the answer was lost'));
          else resolve(answer);
        });
      });
    return scheduled(this.scheduler, actor, 'cells', { list: () => Promise.resolve(cellIds), deliver });
  }

  #posts(cellId: string): Connections {
    return {
      post: async (connectionId, frame) => {
        const connection = this.#connections.find(
          (each) => each.id === connectionId && each.cellId === cellId,
        );
        if (!connection?.open) return 'gone';
        const wrong = this.scheduler.chance(this.#faults.wrongPostAnswer);
        const arrives = !wrong || this.scheduler.chance(0.5);
        if (arrives)
          this.scheduler.later(`${connectionId} gets ${frame.slice(0, 24)}`, () =>
            connection.host.receive(connection, frame),
          );
        if (!wrong) return 'sent';
        return arrives && this.scheduler.chance(0.5) ? 'gone' : 'unknown';
      },
      close: () => Promise.resolve(),
    };
  }
}

const socketOf = ({ id, epoch }: Connection): Socket => ({
  connectionId: id,
  gatewayId,
  tenantId,
  epoch,
  keyGeneration: 1,
});
