import { Chance, hitsFor, runningSums } from './chance.ts';
import type { Scan } from './detector.ts';
import { carriersOf, type Fleet } from './fleet.ts';
import { HardwareTrouble } from './hardware.ts';
import type { Scenario } from './scenario.ts';
import { Sights } from './sights.ts';
import { truthOf, warmUpWindows, type Truth } from './truth.ts';

type Strike = () => void;

/** Lets everything happen to the fleet, window by window. What costs time is what happens, not who is there. */
export class Timeline {
  readonly truth: Truth;
  readonly sights: Sights;
  readonly warmUpWindows: number;
  readonly windowCount: number;
  readonly #scenario: Scenario;
  readonly #fleet: Fleet;
  readonly #seed: number;
  readonly #strikes: Strike[];

  constructor(scenario: Scenario, fleet: Fleet, seed: number) {
    this.#scenario = scenario;
    this.#fleet = fleet;
    this.#seed = seed;
    this.truth = truthOf(scenario, fleet, seed);
    this.warmUpWindows = warmUpWindows(scenario);
    this.windowCount = this.warmUpWindows + Math.ceil((scenario.hours * 60) / scenario.windowMinutes);
    const stale = new Chance(seed, 'stale');
    this.sights = new Sights(scenario, fleet, () => stale.is(scenario.staleShare));
    const hardware = scenario.hardware ? new HardwareTrouble(scenario, fleet, this.sights, seed) : undefined;
    this.#strikes = [
      ...scenario.outages.map((outage, i) => this.#outages(outage, i)),
      ...this.truth.faults.map((fault) =>
        this.#added(fault, carriersOf(fleet, fault.cause), fault.id, fault.added),
      ),
      ...scenario.bursts.map(({ added }, i) =>
        this.#added(
          this.truth.bursts[i]!,
          Int32Array.from({ length: fleet.gatewayCount }, (_, g) => g),
          'burst',
          added,
          `burst ${i}`,
        ),
      ),
      ...this.#background(),
      ...(hardware ? [() => hardware.strike()] : []),
    ];
  }

  *scans(): Generator<Scan> {
    for (let window = 0; window < this.windowCount; window++) {
      this.sights.next();
      for (const strike of this.#strikes) strike();
      yield this.sights.scan();
    }
  }

  #indexOf(condition: string): number {
    return this.sights.conditions.indexOf(condition);
  }

  /** Each condition's own rate: that of the customer, times the chronic differences of what the gateway carries. */
  #background(): Strike[] {
    const { conditions, customers, chronic } = this.#scenario;
    const draw = new Chance(this.#seed, 'frailty');
    const frailty = Float64Array.from({ length: this.#fleet.customerCount }, () =>
      Math.exp(customers.frailty * draw.normal() - customers.frailty ** 2 / 2),
    );
    return conditions.map(({ name, basePerWindow }) => {
      const rates = Float64Array.from(
        this.#fleet.customerOf,
        (customer) => basePerWindow * frailty[customer]!,
      );
      for (const { attribute, value, conditions: names, factor } of chronic)
        if (names.includes(name))
          for (const gateway of carriersOf(this.#fleet, [{ attribute, value }])) rates[gateway]! *= factor;
      const sums = runningSums(rates.map((rate) => hitsFor(rate)));
      const chance = new Chance(this.#seed, `background ${name}`);
      const [condition, mean] = [this.#indexOf(name), sums.at(-1) ?? 0];
      return () => {
        for (let left = chance.poisson(mean); left > 0; left--)
          this.sights.onset(chance.pick(sums), condition, 'background');
      };
    });
  }

  /** Each of `gateways` is hit with probability `added` in each window from start to end, for each condition. */
  #added(
    {
      conditions,
      startWindow,
      endWindow,
    }: { conditions: readonly string[]; startWindow: number; endWindow: number },
    gateways: Int32Array,
    cause: string,
    added: number,
    stream = `fault ${cause} strikes`,
  ): Strike {
    const chance = new Chance(this.#seed, stream);
    const mean = hitsFor(added) * gateways.length;
    return () => {
      if (this.sights.window < startWindow || this.sights.window >= endWindow) return;
      for (const name of conditions)
        for (let left = chance.poisson(mean); left > 0; left--)
          this.sights.onset(gateways[chance.below(gateways.length)]!, this.#indexOf(name), cause);
    };
  }

  /** A site's power, a customer's uplink, an ISP: all of a domain at once. */
  #outages(
    { domain, perYear, minutes, share, conditions }: Scenario['outages'][number],
    index: number,
  ): Strike {
    const { windowMinutes } = this.#scenario;
    const chance = new Chance(this.#seed, `outages ${index}`);
    const members = membersOf(this.#fleet, domain);
    const mean = (members.count * perYear * windowMinutes) / (365 * 1_440);
    return () => {
      for (let left = chance.poisson(mean); left > 0; left--) {
        const { value, gateways } = members.at(chance.below(members.count));
        const windows = Math.max(1, Math.round(chance.exponential(minutes) / windowMinutes));
        const { window } = this.sights;
        let struck = 0;
        for (const gateway of gateways)
          if (chance.is(share)) {
            struck++;
            for (const name of conditions)
              this.sights.onset(gateway, this.#indexOf(name), `outage ${domain}`, windows);
          }
        const times = { startWindow: window, endWindow: window + windows };
        this.truth.outages.push({ domain, value, conditions, ...times, gateways: struck });
      }
    };
  }
}

interface Members {
  count: number;
  at(index: number): { value: string; gateways: Iterable<number> };
}

function membersOf(fleet: Fleet, domain: string): Members {
  if (domain === 'site' || domain === 'customer') {
    const starts = domain === 'site' ? fleet.siteStarts : fleet.customerStarts;
    return {
      count: starts.length - 1,
      at: (index) => ({ value: `${domain}-${index}`, gateways: range(starts[index]!, starts[index + 1]!) }),
    };
  }
  const { values } = fleet.columns.find(({ name }) => name === domain)!;
  const at = (index: number) => {
    const value = values[index]!;
    return { value, gateways: carriersOf(fleet, [{ attribute: domain, value }]) };
  };
  return { count: values.length, at };
}

function* range(start: number, end: number): Generator<number> {
  for (let at = start; at < end; at++) yield at;
}
