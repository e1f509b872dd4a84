import type { CommandItem, GatewayItem, HolderItem, StatusItem } from '../../../core/model.ts';
import type { RollupItem } from '../../../core/rollups/rollup-item.ts';
import { needsHistory } from '../../../core/conditions/history.ts';
import { audited } from '../../../core/commands/machine.ts';
import type { AuditTrail } from '../../../lambda/audit/trail.ts';
import type { CommandStore, GatewayStore, HolderStore } from '../../../lambda/commands/ports.ts';
import type { StatusStore } from '../../../lambda/status/status-store.ts';
import { itemBytes, readUnitsOf, writeUnitsOf, type Meter, type Part } from './usage-meter.ts';

/** How long a table takes to answer, in ms: part of what a run of a function costs. */
export const tableTimes = { readMs: 3, writeMs: 5, queryMs: 4 } as const;

/** Counts what each call of a table costs and lets virtual time pass for it. */
export class TableMeter {
  readonly #meter: Meter;
  readonly #part: Part;
  readonly #wait: (ms: number) => Promise<void>;

  constructor(meter: Meter, part: Part, wait: (ms: number) => Promise<void>) {
    this.#meter = meter;
    this.#part = part;
    this.#wait = wait;
  }

  async read<T>(bytesOf: () => number, work: () => Promise<T>, ms: number = tableTimes.readMs): Promise<T> {
    await this.#wait(ms);
    this.#meter.add(this.#part, 'readUnits', readUnitsOf(bytesOf()));
    return work();
  }

  async write<T>(
    units: (done: T) => number,
    work: () => Promise<T>,
    failed: (done: T) => boolean,
  ): Promise<T> {
    await this.#wait(tableTimes.writeMs);
    const done = await work();
    this.#meter.add(this.#part, 'writeUnits', units(done));
    // lambda/aws/table.ts reads strongly what stood in a write's way.
    if (failed(done))
      await this.read(
        () => 0,
        () => Promise.resolve(),
      );
    return done;
  }

  units(kind: 'readUnits' | 'writeUnits', units: number): void {
    this.#meter.add(this.#part, kind, units);
  }
  pause(ms: number): Promise<void> {
    return this.#wait(ms);
  }
}

/** The sort key of the index of news moves: the old entry goes and a new one comes. */
function newsWriteUnits(before: GatewayItem | undefined, after: GatewayItem): number {
  if (after.newsShard === undefined || before?.newsAt === after.newsAt) return 0;
  const hadEntry = before?.newsShard !== undefined && before.newsAt !== undefined;
  return (hadEntry ? 2 : 1) * writeUnitsOf(newsEntryBytes);
}
/** Keys, and what DynamoDB adds to an entry of an index. */
export const newsEntryBytes = 160;

export function meteredGateways(
  store: GatewayStore,
  items: ReadonlyMap<string, GatewayItem>,
  meter: TableMeter,
): GatewayStore {
  return {
    get: (id) =>
      meter.read(
        () => itemBytes(items.get(id)),
        () => store.get(id),
      ),
    update: (id, update) => {
      let before: GatewayItem | undefined;
      return meter.write(
        (after) =>
          writeUnitsOf(itemBytes(before), itemBytes(after)) + (after ? newsWriteUnits(before, after) : 0),
        () => {
          before = items.get(id);
          return store.update(id, update);
        },
        (after) => after === undefined,
      );
    },
  };
}

export function meteredHolders(
  store: HolderStore,
  items: ReadonlyMap<string, HolderItem>,
  meter: TableMeter,
): HolderStore {
  const size = (id: string): number => itemBytes(items.get(id));
  return {
    get: (id) =>
      meter.read(
        () => size(id),
        () => store.get(id),
      ),
    update: (id, update) =>
      meter.write(
        (after) => writeUnitsOf(size(id), itemBytes(after)),
        () => store.update(id, update),
        (after) => after === undefined,
      ),
    remove: (id, when) =>
      meter.write(
        () => writeUnitsOf(size(id)),
        () => store.remove(id, when),
        (removed) => !removed,
      ),
  };
}

/** Keys that the sweeper's index holds of an open command, and what DynamoDB adds to an entry of an index. */
const shardEntryBytes = 200;

/**
 * A command's write goes to the table, to `byTime` (whole items), to `open` (whole items, while it is open) and to
 * `openByShard`, whose sort key moves: the old entry goes and a new one comes.
 */
function commandWriteUnits(before: CommandItem | undefined, after: CommandItem): number {
  const whole = writeUnitsOf(itemBytes(before), itemBytes(after));
  const open = before?.openSeq !== undefined || after.openSeq !== undefined ? whole : 0;
  const entry = writeUnitsOf(shardEntryBytes);
  const left = before?.dueAt !== undefined && before.dueAt !== after.dueAt ? entry : 0;
  const came = after.dueAt !== undefined && before?.dueAt !== after.dueAt ? entry : 0;
  return 2 * whole + open + left + came;
}

export function meteredCommands(
  store: CommandStore,
  items: ReadonlyMap<string, CommandItem>,
  meter: TableMeter,
): CommandStore {
  const at = (item: Pick<CommandItem, 'gatewayId' | 'commandId'>) =>
    items.get(`${item.gatewayId}/${item.commandId}`);
  const write = (item: CommandItem, work: () => Promise<boolean>): Promise<boolean> => {
    let before: CommandItem | undefined;
    return meter.write(
      (done) => (done ? commandWriteUnits(before, item) : writeUnitsOf(itemBytes(before))),
      () => {
        before = at(item);
        return work();
      },
      (done) => !done,
    );
  };
  return {
    get: (gatewayId, commandId) =>
      meter.read(
        () => itemBytes(at({ gatewayId, commandId })),
        () => store.get(gatewayId, commandId),
      ),
    create: (item) => write(item, () => store.create(item)),
    replace: (item) => write(item, () => store.replace(item)),
    settle: async (item) => {
      await write(audited(item), async () => (await store.settle(item), true));
    },
    async listOpen(gatewayId) {
      await meter.pause(tableTimes.queryMs);
      const open = await store.listOpen(gatewayId);
      meter.units('readUnits', readUnitsOf(open.reduce((sum, item) => sum + itemBytes(item), 0)));
      return open;
    },
    list: (gatewayId, page) => store.list(gatewayId, page),
    async listDue(shard, page) {
      await meter.pause(tableTimes.queryMs);
      const due = await store.listDue(shard, page);
      meter.units('readUnits', readUnitsOf(due.length * shardEntryBytes, false));
      return due;
    },
  };
}

/** Each entry goes into the table and, whole, into the index by gateway. */
export const meteredTrail = (trail: AuditTrail, meter: TableMeter): AuditTrail => ({
  append: (entry) =>
    meter.write(
      () => 2 * writeUnitsOf(itemBytes(entry)),
      () => trail.append(entry),
      () => false,
    ),
});

/** The status table: the newer heartbeat stays. One status per gateway and boot comes in order here. */
export function meteredStatus(
  items: Map<string, StatusItem>,
  rollups: Map<string, RollupItem>,
  meter: TableMeter,
): StatusStore {
  return {
    // A part of a rollup comes only with a change, and nothing changes in a day like this: the first is the whole of it.
    mergeRollup: (item) => {
      const key = `${item.gatewayId} ${item.rollupKey}`;
      return meter.write(
        () => writeUnitsOf(itemBytes(item)),
        () => {
          const isNew = !rollups.has(key);
          if (isNew) rollups.set(key, item);
          return Promise.resolve(isNew);
        },
        (isNew) => !isNew,
      );
    },
    putStatus: async (item) => {
      const before = items.get(item.gatewayId);
      if (needsHistory(item.heartbeat))
        await meter.read(
          () => itemBytes(before),
          () => Promise.resolve(),
        );
      return meter.write(
        () => writeUnitsOf(itemBytes(before), itemBytes(item)),
        () => {
          const isNew = !before || before.heartbeat.seq < item.heartbeat.seq;
          if (isNew) items.set(item.gatewayId, item);
          return Promise.resolve(isNew);
        },
        (isNew) => !isNew,
      );
    },
    // Inventories change with disks and updates: not in a day like this.
    putInventory: () =>
      meter.write(
        () => 1,
        () => Promise.resolve(true),
        () => false,
      ),
  };
}
