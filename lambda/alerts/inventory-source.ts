import type { InventoryItem } from '../../core/model.ts';
import { inventoryFacts, type InventoryFacts } from '../../core/patterns/attributes.ts';
import type { inventoryTable } from '../aws/tables.ts';
import type { InventorySource } from './ports.ts';

/** Inventories are read for the next tick: so many that a new process knows 10,000 gateways after two ticks. */
const loadsMax = 5_000;

/**
 * What inventories say of gateways, as long as the process lives. An inventory has 2 KB and changes once in months: to
 * scan all of them every minute would cost more than everything else that the proxy reads.
 */
export function cachedInventory(table: Pick<ReturnType<typeof inventoryTable>, 'batchGet'>): InventorySource {
  const known = new Map<string, { hash: string; facts: InventoryFacts }>();
  const texts = new Map<string, string>();
  const wanted = new Set<string>();
  /** A text that many gateways share is in memory once. */
  const shared = (facts: InventoryFacts): InventoryFacts =>
    Object.fromEntries(
      Object.entries(facts).flatMap(([name, text]) => {
        if (text === undefined) return [];
        if (!texts.has(text)) texts.set(text, text);
        return [[name, texts.get(text)]];
      }),
    );
  const keep = ({ gatewayId, inventory }: InventoryItem): void =>
    void known.set(gatewayId, { hash: inventory.hash, facts: shared(inventoryFacts({ inventory })) });
  return {
    factsOf: (gatewayId, hash) => {
      if (hash === undefined) return undefined;
      const found = known.get(gatewayId);
      if (found?.hash !== hash && wanted.size < loadsMax) wanted.add(gatewayId);
      return found?.facts;
    },
    load: async () => {
      const keys = [...wanted].map((gatewayId) => ({ gatewayId }));
      wanted.clear();
      for (const item of await table.batchGet(keys)) keep(item);
    },
  };
}
