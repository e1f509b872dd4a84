import { Codes } from '../patterns/codes.ts';
import { Numbers } from '../patterns/numbers.ts';
import { siteId } from './site-incidents.ts';

/** How many gateways each site has: 8 bytes a gateway while they are read, counted for the customers that are asked for. */
export class SiteSizes {
  readonly #customers = new Numbers();
  readonly #sites = new Numbers();
  /** Code 0: no label. */
  readonly #names = new Codes('');

  /** A gateway; `customer` is a number that stands for its customer. */
  add(customer: number, site: string | undefined): void {
    this.#customers.push(customer);
    this.#sites.push(site === undefined ? 0 : this.#names.of(site));
  }

  /** By `siteId`. `names` has the customers by their numbers. */
  of(wanted: ReadonlySet<string>, names: readonly string[]): Map<string, number> {
    const sizes = new Map<string, number>();
    const isWanted = Uint8Array.from(names, (name) => (wanted.has(name) ? 1 : 0));
    const [customers, sites] = [this.#customers.items, this.#sites.items];
    for (let i = 0; i < customers.length; i++) {
      const customer = customers[i]!;
      if (isWanted[customer] === 0) continue;
      const site = siteId(names[customer]!, this.#names.names[sites[i]!] || undefined);
      sizes.set(site, (sizes.get(site) ?? 0) + 1);
    }
    return sizes;
  }
}
