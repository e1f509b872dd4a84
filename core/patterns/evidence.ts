import type { FleetEvent } from './fleet-event.ts';
import type { Pattern, ValueName } from './find-patterns.ts';
import { jaccardMin } from './overlap.ts';

/** Stands for everybody: what is wrong with the whole fleet has no value of its own. */
export const everybody: ValueName = { attribute: '*', value: '*' };

/** Samples and lists of an alert are for people to begin with: the item that holds them stays far below 400 KB. */
const gatewaysMax = 50;
const twinsMax = 8;

/** What a pattern's alert keeps of how it was found; of the tick in which it hit the most customers so far. */
export interface PatternEvidence extends ValueName {
  conditionId: string;
  /** The shortest window that it was named in. */
  windowMs: number;
  foundAt: number;
  hitCustomers: number;
  failingGateways: number;
  carriers: { customers: number; gateways: number };
  /** Absent where everybody fails: there is nobody to compare with. */
  outside?: { customers: number; gateways: number; hitCustomers: number; failingGateways: number };
  /** Customers that would be hit at most if nothing were wrong (95 % bound). */
  expectedCustomers: number;
  /** ln of the chance to see as many by luck. Absent where everybody fails. */
  logPValue?: number;
  /** At most 8, the closest first: values that nearly the same gateways carry. */
  indistinguishable: (ValueName & { jaccard: number })[];
  /** Among the carriers those of this value are worse still; what else that may be, as above. */
  within?: Pattern['within'];
  /** Some of the failing carriers, at most 50. */
  gateways: { tenantId: string; gatewayId: string }[];
}

export function evidenceOf(
  pattern: Pattern,
  at: { foundAt: number; gateways: PatternEvidence['gateways'] },
): PatternEvidence {
  const { riskRatio: _ratio, indistinguishable, within, ...rest } = pattern;
  const bounded = within && { ...within, indistinguishable: within.indistinguishable.slice(0, twinsMax) };
  return {
    ...rest,
    ...(bounded && { within: bounded }),
    foundAt: at.foundAt,
    indistinguishable: indistinguishable.slice(0, twinsMax),
    gateways: at.gateways.slice(0, gatewaysMax),
  };
}

export function fleetEvidenceOf(
  { customers, ...event }: FleetEvent,
  at: { foundAt: number; gateways: PatternEvidence['gateways']; gatewayCount: number },
): PatternEvidence {
  return {
    ...event,
    ...everybody,
    foundAt: at.foundAt,
    carriers: { customers, gateways: at.gatewayCount },
    indistinguishable: [],
    gateways: at.gateways.slice(0, gatewaysMax),
  };
}

type About = Pick<PatternEvidence, 'conditionId' | 'attribute' | 'value' | 'indistinguishable'>;

/** Whether both are about the same gateways: the strongest of values that nobody can tell apart changes with time. */
export function isSamePattern(a: About, b: About): boolean {
  if (a.conditionId !== b.conditionId) return false;
  return isNamedBy(a, b) || isNamedBy(b, a);
}
const isNamedBy = ({ attribute, value }: ValueName, other: About): boolean =>
  [other, ...other.indistinguishable].some((name) => name.attribute === attribute && name.value === value);

/** Its value, and those that nearly the same gateways carry: a gateway with any of them is explained. */
export const namesOf = ({ attribute, value, indistinguishable }: Omit<About, 'conditionId'>): ValueName[] => [
  { attribute, value },
  ...indistinguishable.filter(({ jaccard }) => jaccard >= jaccardMin),
];
