import { Chance } from './chance.ts';
import type { Cause } from './detector.ts';
import { carriersOf, customersAmong, type Fleet } from './fleet.ts';
import type { Scenario } from './scenario.ts';

/** A fault as it really was. Windows count from the first scan, the warm-up included; `endWindow` is the first after. */
export interface TrueFault {
  readonly id: string;
  readonly cause: Cause;
  readonly conditions: readonly string[];
  readonly added: number;
  readonly startWindow: number;
  readonly endWindow: number;
  readonly gateways: number;
  readonly customers: number;
  /** Whether recall counts it; why not, where it does not. */
  readonly isEligible: boolean;
  readonly notEligible: string | undefined;
}

/** Something that was lost together: no fault of a value, unless its domain is an attribute. */
export interface TrueOutage {
  readonly domain: string;
  readonly value: string;
  readonly conditions: readonly string[];
  readonly startWindow: number;
  readonly endWindow: number;
  readonly gateways: number;
}

export interface TrueBurst {
  readonly added: number;
  readonly conditions: readonly string[];
  readonly startWindow: number;
  readonly endWindow: number;
}

export interface Truth {
  readonly faults: readonly TrueFault[];
  readonly chronic: Scenario['chronic'];
  readonly bursts: readonly TrueBurst[];
  readonly outages: TrueOutage[];
}

/** Below these a fault is too small to be asked for: of `added` or more, values of so many customers. */
export const eligibility = [
  { added: 0.05, customers: 300 },
  { added: 0.02, customers: 700 },
] as const;
export const baseMax = 0.001;

export const warmUpWindows = ({ warmUpHours, windowMinutes }: Scenario): number =>
  Math.ceil((warmUpHours * 60) / windowMinutes);

const timesOf = (scenario: Scenario, { startHour, endHour }: { startHour: number; endHour: number }) => {
  const at = (hour: number) => warmUpWindows(scenario) + Math.round((hour * 60) / scenario.windowMinutes);
  return { startWindow: at(startHour), endWindow: Math.max(at(endHour), at(startHour) + 1) };
};

export function truthOf(scenario: Scenario, fleet: Fleet, seed: number): Truth {
  return {
    faults: scenario.faults.map((fault) => trueFault(scenario, fault, fleet, seed)),
    chronic: scenario.chronic,
    bursts: scenario.bursts.map((burst) => ({
      conditions: burst.conditions,
      added: burst.added,
      ...timesOf(scenario, burst),
    })),
    outages: [],
  };
}

type Fault = Scenario['faults'][number];

function trueFault(scenario: Scenario, fault: Fault, fleet: Fleet, seed: number): TrueFault {
  const chance = new Chance(seed, `fault ${fault.id}`);
  const least = leastCustomers(fault.added);
  const cause = fault.cause.map(({ attribute, value }) => ({
    attribute,
    value: value ?? drawnValue(fleet, attribute, least ?? 0, chance),
  }));
  const carriers = carriersOf(fleet, cause);
  const customers = customersAmong(fleet, carriers);
  const base = Math.max(...fault.conditions.map((name) => baseOf(scenario, cause, name)));
  const notEligible =
    least === undefined
      ? `adds less than ${eligibility.at(-1)!.added}`
      : customers < least
        ? `${customers} customers carry it, fewer than ${least}`
        : base > baseMax
          ? `its conditions begin at ${base} a window without it, more than ${baseMax}`
          : undefined;
  return {
    id: fault.id,
    cause,
    conditions: fault.conditions,
    added: fault.added,
    ...timesOf(scenario, fault),
    gateways: carriers.length,
    customers,
    isEligible: notEligible === undefined,
    notEligible,
  };
}

const leastCustomers = (added: number): number | undefined =>
  eligibility.find((size) => added >= size.added)?.customers;

/** Any value that enough customers carry, else the one that most carry. */
function drawnValue(fleet: Fleet, attribute: string, least: number, chance: Chance): string {
  const column = fleet.columns.find(({ name }) => name === attribute)!;
  const sized = column.values
    .map((value) => ({ value, customers: customersAmong(fleet, carriersOf(fleet, [{ attribute, value }])) }))
    .sort((one, other) => other.customers - one.customers);
  const enough = sized.filter(({ customers }) => customers >= least);
  return (enough[chance.below(enough.length)] ?? sized[0]!).value;
}

/** A condition of the hardware has no rate of its own here; it is rare. */
function baseOf({ conditions, chronic }: Scenario, cause: Cause, name: string): number {
  const base = conditions.find((condition) => condition.name === name)?.basePerWindow ?? 0;
  const factors = chronic
    .filter((difference) => difference.conditions.includes(name))
    .filter(({ attribute, value }) =>
      cause.some((one) => one.attribute === attribute && one.value === value),
    );
  return factors.reduce((rate, { factor }) => rate * factor, base);
}
