import { isFinal, needsGo } from '../../../core/commands/states.ts';
import type { CommandItem } from '../../../core/model.ts';
import type { CommandStore, GatewayStore } from '../../../lambda/commands/ports.ts';
import type { MemoryStores } from '../../support/memory-stores.ts';

/** Looks at every write for what none may ever do. */
export class Watch {
  readonly violations: string[] = [];
  readonly #stores: MemoryStores;
  readonly #gatewayId: string;
  /** The newest connection whose hello was done with, reconciliation and all. */
  #settled: { connectionId: string; journalId: string } | undefined;

  constructor(stores: MemoryStores, gatewayId: string) {
    this.#stores = stores;
    this.#gatewayId = gatewayId;
  }

  settled(connectionId: string, journalId: string): void {
    this.#settled = { connectionId, journalId };
  }

  get #route() {
    return this.#stores.gateways.get(this.#gatewayId)?.route;
  }

  gateways(store: GatewayStore): GatewayStore {
    const update: GatewayStore['update'] = async (id, change) => {
      const before = this.#route?.epoch ?? 0;
      const after = await store.update(id, change);
      if ((after?.route?.epoch ?? before) < before)
        this.violations.push('an older connection took the route');
      return after;
    };
    return { ...store, update };
  }

  commands(store: CommandStore): CommandStore {
    const replace: CommandStore['replace'] = async (item) => {
      const before = this.#stores.commands.get(`${item.gatewayId}/${item.commandId}`);
      const done = await store.replace(item);
      if (done && before) this.#judge(before, item);
      return done;
    };
    return { ...store, replace };
  }

  #judge(before: CommandItem, after: CommandItem): void {
    const name = `${after.kind} ${after.commandId.slice(0, 4)}`;
    if (isFinal(before.state)) this.violations.push(`${name} goes on from ${before.state} to ${after.state}`);
    const mayStart = needsGo(after) && after.state === 'ACKED' && before.state !== 'ACKED';
    const settled = this.#settled;
    const isSettled = settled !== undefined && this.#route?.connectionId === settled.connectionId;
    if (mayStart && isSettled && after.ackedJournalId !== settled.journalId)
      this.violations.push(`${name} may start on a connection that was superseded`);
  }
}
