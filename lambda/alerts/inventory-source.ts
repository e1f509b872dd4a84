import type { InventoryItem } from '../../core/model.ts';
import { inventoryFacts, type InventoryFacts } from '../../core/patterns/attributes.ts';
import { Codes } from '../../core/patterns/codes.ts';
import type { inventoryTable } from '../aws/tables.ts';
import type { InventorySource } from './ports.ts';

/** Inventories are read for the next tick: so many that a new process knows 10,000 gateways after two ticks. */
const loadsMax = 5_000;

/**
 * What inventories say of gateways, as long as the process lives. An inventory has 2 KB and changes once in months: to
 * scan all of them every minute would cost more than everything else that the proxy reads.
 */
export function cachedInventory(table: Pick<ReturnType<typeof inventoryTable>, 'batchGet'>): InventorySource {
  /** Where a gateway stands in `hashes` and `facts`. */
  const places = new Map<string, number>();
  const hashes: number[] = [];
  const facts: InventoryFacts[] = [];
  /** Facts that many gateways share are in memory once. */
  const texts = new Codes();
  const shared: InventoryFacts[] = [];
  const wanted = new Set<string>();
  const keep = (gatewayId: string, { inventory }: InventoryItem): void => {
    const own = inventoryFacts({ inventory });
    const code = texts.of(JSON.stringify(own));
    shared[code] ??= own;
    const place = places.get(gatewayId) ?? places.size;
    places.set(gatewayId, place);
    hashes[place] = digestOf(inventory.hash);
    facts[place] = shared[code];
  };
  return {
    factsOf: (gatewayId, hash) => {
      if (hash === undefined) return undefined;
      const place = places.get(gatewayId);
      const isNew = place === undefined || hashes[place] !== digestOf(hash);
      if (isNew && wanted.size < loadsMax) wanted.add(gatewayId);
      return place === undefined ? undefined : facts[place];
    },
    load: async () => {
      const keys = [...wanted].map((gatewayId) => ({ gatewayId }));
      wanted.clear();
      const found = new Map((await table.batchGet(keys)).map((item) => [item.gatewayId, item]));
      // By the text that asked for it: a fleet's ids are in memory already.
      for (const { gatewayId } of keys) {
        const item = found.get(gatewayId);
        if (item) keep(gatewayId, item);
      }
    },
  };
}

/** FNV-1a: a number where the text would take five times as much. One in four billion changes would go unnoticed. */
function digestOf(text: string): number {
  let digest = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) digest = Math.imul(digest ^ text.charCodeAt(i), 0x01000193);
  return digest >>> 0;
}
