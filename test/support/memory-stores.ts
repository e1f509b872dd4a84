import { audited } from '../../core/commands/machine.ts';
import type { CommandItem, GatewayItem, HolderItem } from '../../core/model.ts';
import type { AuditItem } from '../../core/audit/audit-item.ts';
import { applied, holds } from '../../core/routes/guarded-update.ts';
import type { AuditTrail } from '../../lambda/audit/trail.ts';
import { pageOf } from '../../lambda/commands/page.ts';
import type { CommandStore, GatewayStore, HolderStore } from '../../lambda/commands/ports.ts';

/** The stores in memory, for simulations that make too many calls for a real one; one contract suite runs over both. */
export class MemoryStores {
  readonly gateways = new Map<string, GatewayItem>();
  readonly commands = new Map<string, CommandItem>();
  /** By tenant and entry key. */
  readonly audit = new Map<string, AuditItem>();

  gatewayStore(): GatewayStore {
    const items = this.gateways;
    return {
      get: (gatewayId) => later(() => items.get(gatewayId)),
      update: (gatewayId, update) =>
        later(() => {
          const next = applied(update, items.get(gatewayId), { gatewayId });
          if (next) items.set(gatewayId, next);
          return next;
        }),
    };
  }

  auditTrail(): AuditTrail {
    return {
      append: (entry) =>
        later(() => {
          const key = `${entry.tenantId}/${entry.entryKey}`;
          if (!this.audit.has(key)) this.audit.set(key, structuredClone(entry));
        }),
    };
  }

  commandStore(): CommandStore {
    const items = this.commands;
    const key = (gatewayId: string, commandId: string) => `${gatewayId}/${commandId}`;
    const of = (gatewayId: string) => [...items.values()].filter((item) => item.gatewayId === gatewayId);
    return {
      get: (gatewayId, commandId) => later(() => items.get(key(gatewayId, commandId))),
      create: (item) =>
        later(() => {
          if (items.has(key(item.gatewayId, item.commandId))) return false;
          items.set(key(item.gatewayId, item.commandId), structuredClone(item));
          return true;
        }),
      replace: (item) =>
        later(() => {
          if (items.get(key(item.gatewayId, item.commandId))?.version !== item.version - 1) return false;
          items.set(key(item.gatewayId, item.commandId), structuredClone(item));
          return true;
        }),
      settle: (item) =>
        later(() => {
          if (items.get(key(item.gatewayId, item.commandId))?.version !== item.version) return;
          items.set(key(item.gatewayId, item.commandId), structuredClone(audited(item)));
        }),
      listOpen: (gatewayId) =>
        later(() =>
          of(gatewayId)
            .filter((item) => item.openSeq !== undefined)
            .sort((a, b) => a.openSeq! - b.openSeq!),
        ),
      list: (gatewayId, { countMax, next }) =>
        later(() => {
          const before = Number(next ?? Infinity);
          const found = of(gatewayId)
            .filter((item) => item.createdAt < before)
            .sort((a, b) => b.createdAt - a.createdAt);
          return pageOf(found.slice(0, countMax + 1), countMax);
        }),
      listDue: (shard, { at, countMax }) =>
        later(() =>
          [...items.values()]
            .filter((item) => item.openShard === shard && item.dueAt! <= at)
            .sort((a, b) => a.dueAt! - b.dueAt!)
            .slice(0, countMax)
            .map(({ gatewayId, commandId }) => ({ gatewayId, commandId })),
        ),
    };
  }
}

export function memoryHolders(rows = new Map<string, HolderItem>()): HolderStore {
  return {
    get: (gatewayId) => later(() => rows.get(gatewayId)),
    update: (gatewayId, update) =>
      later(() => {
        const next = applied(update, rows.get(gatewayId), { gatewayId });
        if (next) rows.set(gatewayId, next);
        return next;
      }),
    remove: (gatewayId, when) => later(() => holds(when, rows.get(gatewayId)) && rows.delete(gatewayId)),
  };
}

/** Nobody may change what is stored by changing what was read. */
const later = <T>(work: () => T): Promise<T> => Promise.resolve(structuredClone(work()));
