import type { Exposure } from './exposure.ts';
import type { Fleet, WindowIndex } from './fleet.ts';

/** Failures of one condition in one window: of all, and of each tested value by its slot. */
export interface Hits {
  /** Customers with a failing gateway, and failing gateways. */
  customers: number;
  gateways: number;
  /** Customers with a failing carrier of the value, and failing carriers. */
  carrierCustomers: Uint32Array;
  carrierGateways: Uint32Array;
  /** The same of customers that carry the value nowhere. */
  strangerCustomers: Uint32Array;
  strangerGateways: Uint32Array;
  /** The same of all gateways without it. */
  restCustomers: Uint32Array;
  restGateways: Uint32Array;
}

/** One pass over the failing gateways, and one over all gateways of their customers. */
export function countHits(fleet: Fleet, exposure: Exposure, condition: number, window: WindowIndex): Hits {
  const failing = (fleet.onsets[condition] ?? new Uint32Array()).filter((o) => (o & 3) <= window);
  const slotCount = exposure.tested.length;
  const zeros = () => new Uint32Array(slotCount);
  const hits = {
    customers: 0,
    gateways: failing.length,
    carrierCustomers: zeros(),
    carrierGateways: zeros(),
  };
  const [only, near, nearGateways] = [zeros(), zeros(), zeros()];
  const [failed, met] = [zeros(), zeros()];
  for (let from = 0, to = 0; from < failing.length; from = to) {
    const customer = fleet.customerOf[failing[from]! >>> 2]!;
    while (to < failing.length && fleet.customerOf[failing[to]! >>> 2] === customer) to += 1;
    hits.customers += 1;
    const first = firstRow(fleet, failing[from]! >>> 2);
    fleet.columns.forEach((column, attribute) => {
      const slots = exposure.slots[attribute]!;
      for (let i = from; i < to; i++) {
        const slot = slots[column[failing[i]! >>> 2]!]!;
        if (slot < 0) continue;
        if (failed[slot]! === 0) hits.carrierCustomers[slot]! += 1;
        failed[slot]! += 1;
      }
      for (let row = first; row < fleet.rows && fleet.customerOf[row] === customer; row++) {
        const slot = slots[column[row]!]!;
        if (slot < 0 || met[slot] === hits.customers) continue;
        met[slot] = hits.customers;
        near[slot]! += 1;
        nearGateways[slot]! += to - from;
        hits.carrierGateways[slot]! += failed[slot]!;
        if (failed[slot] === to - from) only[slot]! += 1;
        failed[slot] = 0;
      }
    });
  }
  const without = (all: number, some: Uint32Array) => some.map((n) => all - n);
  return {
    ...hits,
    strangerCustomers: without(hits.customers, near),
    strangerGateways: without(hits.gateways, nearGateways),
    restCustomers: without(hits.customers, only),
    restGateways: without(hits.gateways, hits.carrierGateways),
  };
}

/** The first row of the customer that has `row`. */
function firstRow({ starts }: Fleet, row: number): number {
  let [low, high] = [0, starts.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (starts[middle]! <= row) low = middle;
    else high = middle;
  }
  return starts[low]!;
}
