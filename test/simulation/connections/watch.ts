import { isFinal, needsGo } from '../../../core/commands/states.ts';
import type { CommandItem, GatewayItem } from '../../../core/model.ts';
import type { CommandStore, GatewayStore } from '../../../lambda/commands/ports.ts';
import type { MemoryStores } from '../../support/memory-stores.ts';
import type { Connection, Network } from './network.ts';
import type { Run } from './runs.ts';
import type { Tally } from './tally.ts';

/** Looks at every write for what none may ever do. */
export class Watch {
  readonly #stores: MemoryStores;
  readonly #network: Network;
  readonly #tally: Tally;
  /** Per gateway: connections whose hello was done with, reconciliation and all, while they were the route. */
  readonly #settled = new Map<string, { epoch: number; at: number }[]>();

  constructor(stores: MemoryStores, network: Network, tally: Tally) {
    this.#stores = stores;
    this.#network = network;
    this.#tally = tally;
  }

  /** The hello of a connection has been handled to the end. */
  greeted({ gatewayId, id, epoch }: Connection, at: number): void {
    if (this.#route(gatewayId)?.connectionId !== id) return;
    this.#settled.set(gatewayId, [...(this.#settled.get(gatewayId) ?? []), { epoch, at }]);
  }

  /** Whether a newer connection was settled before anything of what the run knows was read. */
  isOutdated({ gatewayId, epoch }: Connection, { knowsSince }: Run): boolean {
    return (this.#settled.get(gatewayId) ?? []).some((newer) => newer.epoch > epoch && newer.at < knowsSince);
  }

  #route(gatewayId: string): GatewayItem['route'] {
    return this.#stores.gateways.get(gatewayId)?.route;
  }

  gateways(store: GatewayStore, run: Run): GatewayStore {
    return {
      ...store,
      update: async (gatewayId, change) => {
        const before = this.#route(gatewayId);
        const after = await store.update(gatewayId, change);
        if (!after) return after;
        this.#judgeRoute(before, after.route, run);
        const grants = Object.keys(change.set ?? {}).some((path) => path.startsWith('grants.'));
        if (grants && before?.connectionId !== run.connectionId)
          this.#tally.fail(
            'superseded',
            `a start was granted to ${run.connectionId}, which is not the route`,
          );
        return after;
      },
    };
  }

  #judgeRoute(before: GatewayItem['route'], after: GatewayItem['route'], run: Run): void {
    if (!before) return;
    if (after) {
      if (after.epoch < before.epoch)
        this.#tally.fail('superseded', `${after.connectionId} took the route from ${before.connectionId}`);
      return;
    }
    const connection = this.#network.connection(before.connectionId);
    if (connection?.agentOpen && connection.serverOpen && !connection.saidGone)
      this.#tally.fail(
        'superseded',
        `the route ${before.connectionId} was taken off by ${run.name}, and is open`,
      );
  }

  commands(store: CommandStore): CommandStore {
    return {
      ...store,
      replace: async (item) => {
        const before = this.#stores.commands.get(`${item.gatewayId}/${item.commandId}`);
        const done = await store.replace(item);
        if (done && before) this.#judge(before, item);
        return done;
      },
    };
  }

  #judge(before: CommandItem, after: CommandItem): void {
    const name = `${after.kind} ${after.commandId.slice(0, 4)}`;
    if (isFinal(before.state))
      this.#tally.fail('contradicted', `${name} goes on from ${before.state} to ${after.state}`);
    if (after.state === 'SENT' && (after.sentEpoch ?? 0) < (before.sentEpoch ?? 0))
      this.#tally.fail('superseded', `${name} is sent back to an older connection`);
    const mayStart = needsGo(after) && after.state === 'ACKED' && before.state !== 'ACKED';
    const granted = this.#stores.gateways.get(after.gatewayId)?.grants[after.commandId];
    if (mayStart && granted !== after.ackedJournalId)
      this.#tally.fail(
        'superseded',
        `${name} may start with ${after.ackedJournalId}, granted was ${granted}`,
      );
  }
}
