import type { CommandKind } from '../../../core/command-kinds.ts';
import type { CommandState } from '../../../core/model.ts';
import type { CloudEnd, Connection, Network } from './network.ts';
import type { Run, Runs } from './runs.ts';
import type { Scheduler } from './scheduler.ts';
import type { Starts } from './starts.ts';
import type { Tally } from './tally.ts';

/** What everything in one schedule shares. */
export interface World {
  readonly scheduler: Scheduler;
  readonly tally: Tally;
  readonly runs: Runs;
  readonly network: Network;
  readonly starts: Starts;
  readonly cellIds: readonly string[];
  readonly gatewayIds: readonly string[];
}

export interface SendCommand {
  kind: CommandKind;
  params: Record<string, string>;
  idempotencyKey: string;
  whenOffline: 'queue' | 'refuse';
  expiresInMs: number;
}

/** A command as it stands in the store. */
export interface Ending {
  gatewayId: string;
  commandId: string;
  kind: CommandKind;
  state: CommandState;
  lane: string;
  openSeq?: number;
  createdAt: number;
  expiresAt: number;
  cancelRequested?: boolean;
  /** While the sweeper still has something to do for it. */
  openShard?: string;
}

/** A design of the cloud: Holdfast's, or the one that it is compared with. */
export interface Cloud extends CloudEnd {
  submit(
    gatewayId: string,
    send: SendCommand,
    answered: (commandId: string) => void,
    failed: (why: unknown) => void,
  ): void;
  cancel(gatewayId: string, commandId: string): void;
  /** Once a minute. */
  sweep(): void;
  commands(): Ending[];
  /** Id of the connection that the gateway is reached by. */
  routeOf(gatewayId: string): string | undefined;
  /** Start grants that are held. */
  grantsOf(gatewayId: string): string[];
  /** Actions of the command's entries in the audit trail; undefined: this design has none. */
  trailOf(commandId: string): readonly string[] | undefined;
  /** Whether the run should have known that a newer connection than this one had taken its place. */
  isOutdated(connection: Connection, run: Run): boolean;
}

/** A gateway's machine: power, a disk, one process that runs the agent. */
export interface Host {
  readonly name: string;
  readonly gatewayId: string;
  start(): void;
  /** The process dies; with the power its connections end without a word. */
  crash(how: 'process' | 'power'): void;
  /** The disk loses what the agent kept on it. */
  loseJournal(): void;
  /** The connection in use, welcomed and open. */
  readonly connection: Connection | undefined;
  readonly isOn: boolean;
}

/** Whether the host is connected, and the cloud reaches its gateway by that connection. */
export const isReached = (cloud: Cloud, { connection, gatewayId }: Host): boolean =>
  connection !== undefined && cloud.routeOf(gatewayId) === connection.id;
