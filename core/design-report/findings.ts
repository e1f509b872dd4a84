import { compare, type Comparison, type Ratio } from './comparison.ts';
import {
  carriersOf,
  cohortOf,
  hitCustomersMin,
  isLargeEnough,
  jaccard,
  ratioMin,
  type Carried,
  type CellTable,
  type Cohort,
} from './cohorts.ts';
import { discoveryThreshold } from './intervals.ts';

/** A cohort that is worse than the rest, and what else may be the cause. */
export interface Finding extends Cohort {
  ratio: Ratio;
  pValue: number;
  /** The same with the other findings of the condition taken off; absent where there are none. */
  adjusted?: Ratio;
  /** Inside of what else is known: the weakest first. Among gateways of the same customer, of the same model … */
  within: { attribute: string; ratio: Ratio }[];
  /** Attributes of which no value has both carriers and others: nothing tells the cause from them. */
  withoutContrast: string[];
  /** Values that nobody can tell from it, by the share of gateway-days that both have. */
  indistinguishable: { attribute: string; value: string; jaccard: number }[];
  /** Values that are worse as well, and not surely once this one is taken off. */
  explains: { attribute: string; value: string }[];
  /** First day of the history on which anybody carried it; absent where that is its first. */
  carriedSince?: string;
  /** The report that named it first of an unbroken row of them. */
  firstReported: string;
}

/** On average at most this share of the findings of a report is luck. */
export const discoveryLevel = 0.05;
/** From here on of what two values share they are one. */
export const jaccardMin = 0.7;
const findingsPerCondition = 5;
const namedMax = 8;
const withinMax = 4;
/** A finding that does not even hold at this level with a rival taken off cannot be told from it. */
const aliveLevel = 0.05;

/** A finding without what only other reports know. */
export type Found = Omit<Finding, 'firstReported' | 'carriedSince'> & { code: number };

interface Suspect {
  carried: Carried;
  cohort: Cohort & { ratio: Ratio; pValue: number };
}

/** The worst first of each condition; all of them by p-value. `cohorts`: every one that is large enough. */
export function findingsOf(
  table: CellTable,
  cohorts: readonly { carried: Carried; condition: number; cohort: Cohort }[],
): { findings: Found[]; tests: number; threshold: number } {
  const asked = cohorts.filter(({ cohort }) => cohort.hit.customers >= hitCustomersMin);
  const pValues = asked.flatMap(({ cohort }) => cohort.pValue ?? []);
  const threshold = discoveryThreshold(pValues, cohorts.length, discoveryLevel);
  const suspects = asked.filter(({ cohort }) => isWorse(cohort, threshold)) as (Suspect & {
    condition: number;
  })[];
  const findings = [...Map.groupBy(suspects, ({ condition }) => condition)].flatMap(([condition, of]) =>
    findingsOfCondition(table, condition, of, threshold),
  );
  findings.sort((a, b) => a.pValue - b.pValue);
  return { findings, tests: cohorts.length, threshold };
}

const isWorse = (
  { ratio, pValue }: Partial<Pick<Comparison, 'ratio' | 'pValue'>>,
  threshold: number,
): boolean => ratio !== undefined && pValue !== undefined && pValue <= threshold && isLarge(ratio);
const isLarge = ({ value, low }: Ratio): boolean => value >= ratioMin && low > 1;

/**
 * The strongest is taken, then the strongest of those that are still worse among gateways that carry the same of what was
 * taken (Mantel–Haenszel), and so on.
 */
function findingsOfCondition(
  table: CellTable,
  condition: number,
  suspects: readonly Suspect[],
  threshold: number,
): Found[] {
  const taken: Suspect[] = [];
  let left = suspects.toSorted((a, b) => a.cohort.pValue - b.cohort.pValue);
  while (left.length > 0 && taken.length < findingsPerCondition) {
    const [strongest] = left
      .flatMap((suspect) => {
        const found = adjusted(table, condition, suspect, taken);
        return found && isWorse(found, threshold) ? [{ suspect, pValue: found.pValue }] : [];
      })
      .sort((a, b) => a.pValue - b.pValue || b.suspect.cohort.onsets - a.suspect.cohort.onsets);
    if (!strongest) break;
    taken.push(strongest.suspect);
    left = left.filter((one) => one !== strongest.suspect && !isTwin(table, one, strongest.suspect));
  }
  const rest = suspects.filter((suspect) => !taken.includes(suspect));
  return taken.map((suspect) => described(table, condition, { suspect, taken, rest, threshold }));
}

const isTwin = (table: CellTable, one: Suspect, other: Suspect): boolean =>
  jaccard(table, one.carried, other.carried) >= jaccardMin;

/** Compared among gateways that carry the same of `others`. */
function adjusted(
  table: CellTable,
  condition: number,
  { carried }: Suspect,
  others: readonly Suspect[],
): Comparison | undefined {
  const groups = new Int32Array(table.cells.length);
  others.forEach((other, bit) => {
    for (const i of other.carried.cells) groups[i]! += 2 ** bit;
  });
  return compare(table.samples[condition]!, carriersOf(table, carried), groups);
}

interface Described {
  suspect: Suspect;
  taken: readonly Suspect[];
  rest: readonly Suspect[];
  threshold: number;
}

function described(
  table: CellTable,
  condition: number,
  { suspect, taken, rest, threshold }: Described,
): Found {
  const others = taken.filter((other) => other !== suspect);
  const off = others.length > 0 ? adjusted(table, condition, suspect, others) : undefined;
  const holdsBeside = (one: Suspect, other: Suspect, level: number) => {
    const found = adjusted(table, condition, one, [other]);
    return found !== undefined && found.pValue <= level;
  };
  const twins = table.carried
    .filter((other) => other.attribute !== suspect.carried.attribute && isLargeEnough(other))
    .map((other) => ({ other, jaccard: jaccard(table, suspect.carried, other) }));
  const near = new Map(twins.map(({ other, jaccard }) => [other, jaccard]));
  const rivals = rest.filter(
    (one) => (near.get(one.carried) ?? 1) < jaccardMin && !holdsBeside(one, suspect, threshold),
  );
  const [alike, explained] = [true, false].map((is) =>
    rivals.filter((one) => is !== holdsBeside(suspect, one, aliveLevel)),
  );
  const same = twins.filter(
    ({ other, jaccard }) => jaccard >= jaccardMin || alike!.some(({ carried }) => carried === other),
  );
  return {
    ...suspect.cohort,
    code: suspect.carried.code,
    ...(off && { adjusted: off.ratio }),
    ...comparedWithin(table, condition, suspect.carried),
    indistinguishable: same
      .sort((a, b) => b.jaccard - a.jaccard)
      .slice(0, namedMax)
      .map(({ other, jaccard }) => ({ ...nameOf(table, other), jaccard })),
    explains: explained!.slice(0, namedMax).map(({ carried }) => nameOf(table, carried)),
  };
}

const nameOf = ({ history }: CellTable, { attribute, code }: Carried) => ({
  attribute: history.attributes[attribute]!,
  value: history.values[attribute]!.names[code]!,
});

/** The share of onsets that must be where there is something to compare with, or it says nothing. */
const comparableMin = 0.1;

/** Inside of customers, and of the values of each other attribute. */
function comparedWithin(
  table: CellTable,
  condition: number,
  carried: Carried,
): Pick<Finding, 'within' | 'withoutContrast'> {
  const within: Finding['within'] = [];
  const withoutContrast: string[] = [];
  const sample = table.samples[condition]!;
  const own = carried.cells.reduce((all, i) => all + sample.onsets[i]!, 0);
  const groupings = [
    { attribute: 'customer', groups: sample.customers },
    ...table.history.attributes.flatMap((attribute, a) => {
      const groups = table.columns[a]!.map((code) => code - 1);
      return a === carried.attribute || groups.every((group) => group < 0) ? [] : [{ attribute, groups }];
    }),
  ];
  const carries = carriersOf(table, carried);
  for (const { attribute, groups } of groupings) {
    const found = compare(sample, carries, groups);
    if (found && found.onsets.carriers >= comparableMin * own && !found.ratio.isAtLeast)
      within.push({ attribute, ratio: found.ratio });
    else withoutContrast.push(attribute);
  }
  within.sort((a, b) => a.ratio.low - b.ratio.low);
  return { within: within.slice(0, withinMax), withoutContrast };
}

/** Every cohort that is large enough, of each condition that began anywhere. */
export function cohortsOf(table: CellTable): { carried: Carried; condition: number; cohort: Cohort }[] {
  return table.carried.filter(isLargeEnough).flatMap((carried) => {
    const carries = carriersOf(table, carried);
    return table.samples.flatMap((_, condition) => {
      const cohort = cohortOf(table, carried, condition, carries);
      return cohort ? [{ carried, condition, cohort }] : [];
    });
  });
}
