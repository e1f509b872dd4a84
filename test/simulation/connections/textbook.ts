import { isFinal } from '../../../core/commands/states.ts';
import type { CommandKind } from '../../../core/command-kinds.ts';
import type { CommandState } from '../../../core/model.ts';
import type { SimulatedToken } from './cloud.ts';
import type { Connection, Dial } from './network.ts';
import type { Run } from './runs.ts';
import type { Cloud, Ending, Host, SendCommand, World } from './world.ts';

/**
 * What Holdfast is compared with: the design of the public samples. `$connect` puts the connection into a table,
 * `$disconnect` deletes it, a send reads it and posts; 410 deletes it. The client runs what it is sent and answers.
 * Its commands are rows with a state, and what waits is sent at the next `$connect`.
 */
interface Row extends Ending {
  params: Record<string, string>;
}

export class TextbookCloud implements Cloud {
  readonly #world: World;
  readonly #connections = new Map<string, Connection>();
  readonly #commands = new Map<string, Row>();

  constructor(world: World) {
    this.#world = world;
  }

  submit(
    gatewayId: string,
    send: SendCommand,
    answered: (commandId: string) => void,
    failed: (why: unknown) => void,
  ): void {
    const { scheduler, runs } = this.#world;
    const work = async (run: Run): Promise<void> => {
      const at = scheduler.nowMs;
      const { kind, params } = send;
      const commandId = `c${Math.floor(scheduler.random() * 1e12)}`;
      const row: Row = {
        gatewayId,
        commandId,
        kind,
        params,
        state: 'QUEUED',
        lane: '',
        createdAt: at,
        expiresAt: at + send.expiresInMs,
      };
      await runs.over(run, 'table', this.#table()).put(row);
      await this.#send(run, row);
      answered(commandId);
    };
    runs.begin('submit', work, { failed });
  }

  async #send(run: Run, row: Row): Promise<void> {
    const { runs, network } = this.#world;
    const table = runs.over(run, 'table', this.#table());
    const connection = await table.connection(row.gatewayId);
    if (!connection) return;
    const api = runs.over(run, 'connections', network.connections(connection.cellId, run), {
      canFail: false,
    });
    const { commandId, kind } = row;
    const posted = await api.post(
      connection.id,
      JSON.stringify({ v: 1, t: 'cmd', body: { commandId, kind } }),
    );
    if (posted === 'gone') await table.remove(row.gatewayId);
    else await table.put({ ...row, state: 'SENT' });
  }

  cancel(gatewayId: string, commandId: string): void {
    this.#world.runs.begin('cancel', async (run) => {
      const row = this.#commands.get(`${gatewayId}/${commandId}`);
      if (row?.state === 'QUEUED')
        await this.#world.runs.over(run, 'table', this.#table()).put({ ...row, state: 'CANCELED' });
    });
  }

  sweep(): void {
    // The samples have none.
  }

  authorize({ token }: Dial, answered: (epoch: number | undefined) => void): void {
    answered((JSON.parse(token) as SimulatedToken).seq);
  }

  connected(connection: Connection): void {
    const { runs } = this.#world;
    runs.begin('connect', async (run) => {
      await runs.over(run, 'table', this.#table()).connect(connection);
      for (const row of this.#commands.values())
        if (row.gatewayId === connection.gatewayId && row.state === 'QUEUED') await this.#send(run, row);
    });
  }

  disconnected({ gatewayId }: Connection): void {
    const { runs } = this.#world;
    runs.begin('disconnect', (run) => runs.over(run, 'table', this.#table()).remove(gatewayId));
  }

  frame({ gatewayId }: Connection, text: string): void {
    const { commandId, state } = JSON.parse(text) as { commandId: string; state: CommandState };
    const { runs } = this.#world;
    runs.begin('result', async (run) => {
      const row = this.#commands.get(`${gatewayId}/${commandId}`);
      if (row) await runs.over(run, 'table', this.#table()).put({ ...row, state });
    });
  }

  #table() {
    const connections = this.#connections;
    const commands = this.#commands;
    return {
      connect: (connection: Connection) =>
        Promise.resolve(void connections.set(connection.gatewayId, connection)),
      connection: (gatewayId: string) => Promise.resolve(connections.get(gatewayId)),
      remove: (gatewayId: string) => Promise.resolve(void connections.delete(gatewayId)),
      put: (row: Row) => Promise.resolve(void commands.set(`${row.gatewayId}/${row.commandId}`, row)),
    };
  }

  commands(): Ending[] {
    return [...this.#commands.values()].map((row) => ({
      ...row,
      state:
        !isFinal(row.state) && row.expiresAt <= this.#world.scheduler.nowMs && row.state === 'QUEUED'
          ? 'EXPIRED'
          : row.state,
    }));
  }
  routeOf(gatewayId: string): string | undefined {
    return this.#connections.get(gatewayId)?.id;
  }
  grantsOf(): string[] {
    return [];
  }
  trailOf(): undefined {
    return undefined;
  }
  /** As the samples do, it takes any connection's word; the newest one that is open is the one that counts. */
  isOutdated(connection: Connection, run: Run): boolean {
    return this.#world.network.open.some(
      ({ gatewayId, epoch, openedAt }) =>
        gatewayId === connection.gatewayId && epoch > connection.epoch && openedAt < run.startedAt,
    );
  }
}

const reconnectMs = 5_000;

/** The samples' client: dials, runs what comes, answers once. */
export class TextbookHost implements Host {
  readonly name: string;
  readonly gatewayId: string;
  readonly #world: World;
  readonly #workMs: number;
  connection: Connection | undefined;
  /** Counts processes: what an earlier one waited for does not come back to it. */
  #life = 0;
  isOn = false;
  #seq = 0;

  constructor(name: string, gatewayId: string, world: World, { workMs }: { workMs: number }) {
    this.name = name;
    this.gatewayId = gatewayId;
    this.#world = world;
    this.#workMs = workMs;
  }

  start(): void {
    if (this.isOn) return;
    this.isOn = true;
    this.#life++;
    this.#dial();
  }

  crash(how: 'process' | 'power'): void {
    if (!this.isOn) return;
    this.#world.tally.agentCrashes++;
    this.isOn = false;
    this.#life++;
    const { connection } = this;
    this.connection = undefined;
    if (!connection) return;
    if (how === 'power') this.#world.network.powerLost(connection);
    else this.#world.network.agentGone(connection);
  }

  loseJournal(): void {
    this.#world.tally.lostJournals++;
    this.crash('process');
  }

  #dial(): void {
    const { scheduler, network, cellIds } = this.#world;
    const life = this.#life;
    const seq = (this.#seq = Math.max(this.#seq + 1, Math.floor(scheduler.nowMs)));
    const again = () => scheduler.after(reconnectMs, '', () => void (life === this.#life && this.#dial()));
    const socket = network.dial(
      {
        gatewayId: this.gatewayId,
        cellId: scheduler.pick(cellIds),
        token: JSON.stringify({ seq, issuedAt: 0 } satisfies SimulatedToken),
      },
      {
        opened: (connection) => {
          if (life === this.#life) this.connection = connection;
        },
        refused: again,
        closed: () => {
          if (life !== this.#life) return;
          this.connection = undefined;
          again();
        },
        pong: () => undefined,
        notHandled: () => undefined,
        frame: (text, connection, postedBy) => {
          if (life !== this.#life) return;
          this.#world.starts.permitted(this.name, text, connection, postedBy);
          const { commandId, kind } = (JSON.parse(text) as { body: { commandId: string; kind: CommandKind } })
            .body;
          this.#world.starts.permitted(this.name, text.replace('"cmd"', '"cmd.go"'), connection, postedBy);
          this.#world.starts.started(this.name, commandId, kind);
          scheduler.after(scheduler.spread(this.#workMs), '', () => {
            if (life === this.#life) socket.send(JSON.stringify({ commandId, state: 'SUCCEEDED' }));
          });
        },
      },
    );
  }
}
