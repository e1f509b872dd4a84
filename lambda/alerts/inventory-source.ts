import type { InventoryItem } from '../../core/model.ts';
import { factNames, inventoryFacts, type InventoryFacts } from '../../core/patterns/attributes.ts';
import { Codes } from '../../core/patterns/codes.ts';
import { Numbers } from '../../core/patterns/numbers.ts';
import type { inventoryTable } from '../aws/tables.ts';
import type { InventorySource } from './ports.ts';

/** Inventories are read for the next tick: so many that a new process knows 10,000 gateways after two ticks. */
const loadsMax = 5_000;

/**
 * What inventories say of gateways, as long as the process lives. An inventory has 2 KB and changes once in months: to
 * scan all of them every minute would cost more than everything else that the proxy reads.
 */
export function cachedInventory(table: Pick<ReturnType<typeof inventoryTable>, 'batchGet'>): InventorySource {
  /** Where a gateway stands in the columns: its hash, and a code for each fact. */
  const places = new Map<string, number>();
  const hashes = new Numbers();
  const columns = factNames.map(() => ({ codes: new Numbers(), texts: new Codes('') }));
  const wanted = new Set<string>();
  const keep = (gatewayId: string, { inventory }: InventoryItem): void => {
    const own = inventoryFacts({ inventory });
    const place = places.get(gatewayId) ?? places.size;
    const isNew = place === places.size;
    if (isNew) places.set(gatewayId, place);
    const put = (column: Numbers, item: number) => (isNew ? column.push(item) : column.set(place, item));
    put(hashes, digestOf(inventory.hash));
    columns.forEach(({ codes, texts }, i) => put(codes, texts.of(own[i] ?? '')));
  };
  const factsAt = (place: number): InventoryFacts =>
    columns.map(({ codes, texts }) => texts.names[codes.at(place)] || undefined);
  return {
    factsOf: (gatewayId, hash) => {
      if (hash === undefined) return undefined;
      const place = places.get(gatewayId);
      const isNew = place === undefined || hashes.at(place) !== digestOf(hash);
      if (isNew && wanted.size < loadsMax) wanted.add(gatewayId);
      return place === undefined ? undefined : factsAt(place);
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
