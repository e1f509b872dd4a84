import { audited } from '../../core/commands/machine.ts';
import type { CommandItem, GatewayItem, HolderItem } from '../../core/model.ts';
import type { AuditItem } from '../../core/audit/audit-item.ts';
import { applied, holds } from '../../core/routes/guarded-update.ts';
import type { AuditTrail } from '../../lambda/audit/trail.ts';
import { pageOf } from '../../lambda/commands/page.ts';
import type { CommandStore, GatewayStore, HolderStore } from '../../lambda/commands/ports.ts';

/**
 * Stores in this process, fast enough that they are not what is measured: by key, with the open commands of each gateway
 * at hand. Nobody changes an item that was read or written, so none is copied. One contract suite runs over these and
 * DynamoDB's (test/lambda/commands/stores.test.ts).
 */
export class IndexedStores {
  readonly gateways = new Map<string, GatewayItem>();
  readonly #commands = new Map<string, Map<string, CommandItem>>();
  readonly #open = new Map<string, Map<string, CommandItem>>();
  /** Open, or final and not settled: what the sweeper looks at. */
  readonly #swept = new Map<string, CommandItem>();
  /** By tenant and entry key. */
  readonly audit = new Map<string, AuditItem>();

  auditTrail(): AuditTrail {
    return {
      append: async (entry) => {
        const key = `${entry.tenantId}/${entry.entryKey}`;
        if (!this.audit.has(key)) this.audit.set(key, entry);
      },
    };
  }

  gatewayStore(): GatewayStore {
    const items = this.gateways;
    return {
      get: async (gatewayId) => items.get(gatewayId),
      update: async (gatewayId, update) => {
        const next = applied(update, items.get(gatewayId), { gatewayId });
        if (next) items.set(gatewayId, next);
        return next;
      },
    };
  }

  commandStore(): CommandStore {
    return {
      get: async (gatewayId, commandId) => this.#commands.get(gatewayId)?.get(commandId),
      create: async (item) => {
        if (this.#commands.get(item.gatewayId)?.has(item.commandId)) return false;
        this.#write(item);
        return true;
      },
      replace: async (item) => {
        const before = this.#commands.get(item.gatewayId)?.get(item.commandId);
        if (before?.version !== item.version - 1) return false;
        this.#write(item);
        return true;
      },
      settle: async (item) => {
        const before = this.#commands.get(item.gatewayId)?.get(item.commandId);
        if (before?.version === item.version) this.#write(audited(item));
      },
      listOpen: async (gatewayId) =>
        [...(this.#open.get(gatewayId)?.values() ?? [])].sort((a, b) => a.openSeq! - b.openSeq!),
      list: async (gatewayId, { countMax, next }) => {
        const before = Number(next ?? Infinity);
        const found = [...(this.#commands.get(gatewayId)?.values() ?? [])]
          .filter(({ createdAt }) => createdAt < before)
          .sort((a, b) => b.createdAt - a.createdAt);
        return pageOf(found.slice(0, countMax + 1), countMax);
      },
      listDue: async (shard, { at, countMax }) =>
        [...this.#swept.values()]
          .filter(({ openShard, dueAt }) => openShard === shard && dueAt! <= at)
          .sort((a, b) => a.dueAt! - b.dueAt!)
          .slice(0, countMax)
          .map(({ gatewayId, commandId }) => ({ gatewayId, commandId })),
    };
  }

  #write(item: CommandItem): void {
    const { gatewayId, commandId } = item;
    within(this.#commands, gatewayId).set(commandId, item);
    if (item.openShard !== undefined) this.#swept.set(`${gatewayId}/${commandId}`, item);
    else this.#swept.delete(`${gatewayId}/${commandId}`);
    if (item.openSeq !== undefined) within(this.#open, gatewayId).set(commandId, item);
    else {
      const open = this.#open.get(gatewayId);
      open?.delete(commandId);
      if (open?.size === 0) this.#open.delete(gatewayId);
    }
  }
}

export function indexedHolders(): HolderStore {
  const rows = new Map<string, HolderItem>();
  return {
    get: async (gatewayId) => rows.get(gatewayId),
    update: async (gatewayId, update) => {
      const next = applied(update, rows.get(gatewayId), { gatewayId });
      if (next) rows.set(gatewayId, next);
      return next;
    },
    remove: async (gatewayId, when) => holds(when, rows.get(gatewayId)) && rows.delete(gatewayId),
  };
}

function within<T>(all: Map<string, Map<string, T>>, key: string): Map<string, T> {
  const found = all.get(key) ?? new Map<string, T>();
  all.set(key, found);
  return found;
}
