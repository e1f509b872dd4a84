import type { CellsItem, CommandItem, ConfigurationItem, GatewayItem, HolderItem } from '../../core/model.ts';
import type { DeliverAnswer, DeliverRequest } from '../../core/routes/frames.ts';
import type { Condition, GuardedUpdate } from '../../core/routes/guarded-update.ts';

/** What the handlers of connections and commands need from the world. All reads are strong unless said otherwise. */
export interface GatewayStore {
  get(gatewayId: string): Promise<GatewayItem | undefined>;
  /** The item as written; undefined where the condition failed. */
  update(gatewayId: string, update: GuardedUpdate): Promise<GatewayItem | undefined>;
}

export interface ConfigurationStore {
  get(gatewayId: string): Promise<ConfigurationItem | undefined>;
  /** The item as written; undefined where the condition failed. */
  update(gatewayId: string, update: GuardedUpdate): Promise<ConfigurationItem | undefined>;
}

/** Which cells are being emptied. */
export interface CellsStore {
  get(scope: string): Promise<CellsItem | undefined>;
  update(scope: string, update: GuardedUpdate): Promise<CellsItem | undefined>;
}

/** The holder rows of one cell. */
export interface HolderStore {
  get(gatewayId: string): Promise<HolderItem | undefined>;
  update(gatewayId: string, update: GuardedUpdate): Promise<HolderItem | undefined>;
  /** Whether it was there and met the condition. */
  remove(gatewayId: string, when: Condition): Promise<boolean>;
}

export interface CommandStore {
  get(gatewayId: string, commandId: string): Promise<CommandItem | undefined>;
  /** False where the command exists. */
  create(item: CommandItem): Promise<boolean>;
  /** Writes `item` over the version before it; false where that is not the stored one. */
  replace(item: CommandItem): Promise<boolean>;
  /** Takes a final command, as it was read, out of what `listDue` finds; nothing happens where it has changed since. */
  settle(item: CommandItem): Promise<void>;
  /** In order of submission. */
  listOpen(gatewayId: string): Promise<CommandItem[]>;
  /** Newest first; eventually consistent. `next` continues. */
  list(
    gatewayId: string,
    page: { countMax: number; next?: string },
  ): Promise<{ commands: CommandItem[]; next?: string }>;
  /**
   * Commands of a shard that are open, or final and not settled, and whose time has come; soonest first, eventually
   * consistent.
   */
  listDue(
    shard: string,
    page: { at: number; countMax: number },
  ): Promise<{ gatewayId: string; commandId: string }[]>;
}

/** The Deliver functions of all cells, as the cell directory lists them. */
export interface Cells {
  list(): Promise<string[]>;
  /** Throws UNAVAILABLE where the cell does not answer, NOT_FOUND where there is none of that name. */
  deliver(cellId: string, request: DeliverRequest): Promise<DeliverAnswer>;
}

export interface Clock {
  now(): number;
  /** A new random id. */
  newId(): string;
}
