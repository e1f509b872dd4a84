import { cellTable, cohortMin, type Cohort } from './cohorts.ts';
import { dateText } from './fleet-day.ts';
import type { FleetHistory } from './fleet-history.ts';
import { cohortsOf, discoveryLevel, findingsOf, type Finding, type Found } from './findings.ts';
import { releasesOf, type Release } from './releases.ts';

/** What the fleet’s last days say about versions, models and whatever else gateways have in common. Times are days, UTC. */
export interface DesignReport {
  /** The last day that is in it. */
  date: string;
  /** The first, and how many of those between are there. */
  from: string;
  days: number;
  gateways: number;
  customers: number;
  gatewayDays: number;
  /** Comparisons that findings were chosen from. */
  tests: number;
  findings: Finding[];
  /** Findings that are left away because there are too many. */
  findingsLeft: number;
  releases: Release[];
  releasesLeft: number;
  tooSmall: {
    /** Values of too few customers or gateways, by attribute. */
    values: Record<string, number>;
    /** Values that gateways changed to, too few of them. */
    releases: number;
    least: typeof cohortMin;
  };
}
/** The cohorts of one attribute, for who looks closer. */
export interface CohortList {
  attribute: string;
  /** By condition; the most frequent values first, at most 60. */
  cohorts: Cohort[];
  /** Values that are not listed because others are of more gateways, or because too few carry them. */
  left: number;
}

const findingsMax = 40;
const releasesMax = 30;
const effectsMax = 10;
const valuesMax = 60;

/** `before`: the report of the day before, where there is one: what it named already is not new. */
export function designReport(
  history: FleetHistory,
  before?: Pick<DesignReport, 'findings'>,
): { report: DesignReport; lists: CohortList[] } {
  const table = cellTable(history);
  const cohorts = cohortsOf(table);
  const { findings, tests } = findingsOf(table, cohorts);
  const { releases, tooFew } = releasesOf(history, discoveryLevel);
  const date = dateText(history.days.at(-1) ?? history.firstDay);
  const told = releases.filter(({ effects }) => effects.length > 0).sort(byVerdict);
  const small = table.carried.filter(
    ({ cells: _, ...one }) => one.customers < cohortMin.customers || one.gateways < cohortMin.gateways,
  );
  const report = {
    date,
    from: dateText(history.days[0] ?? history.firstDay),
    days: history.days.length,
    gateways: history.gateways.size,
    customers: history.customers.names.length,
    gatewayDays: table.cells.reduce((all, { days }) => all + days, 0),
    tests,
    findings: findings.slice(0, findingsMax).map((found) => dated(history, found, date, before)),
    findingsLeft: Math.max(0, findings.length - findingsMax),
    releases: told
      .slice(0, releasesMax)
      .map((release) => ({ ...release, effects: release.effects.slice(0, effectsMax) })),
    releasesLeft: Math.max(0, told.length - releasesMax),
    tooSmall: {
      values: countsOf(history, small),
      releases: tooFew,
      least: cohortMin,
    },
  };
  const lists = history.attributes.map((attribute, a) =>
    listOf(
      attribute,
      cohorts.filter(({ carried }) => carried.attribute === a),
      table.carried.filter((one) => one.attribute === a).length,
    ),
  );
  return { report, lists };
}

/** Values that did not fit into a day count as too small, too. */
function countsOf(
  { attributes, left }: FleetHistory,
  small: readonly { attribute: number }[],
): Record<string, number> {
  const counts = { ...left };
  for (const { attribute } of small) {
    const name = attributes[attribute]!;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

function listOf(attribute: string, of: readonly { cohort: Cohort }[], carried: number): CohortList {
  const values = [...new Set(of.map(({ cohort }) => cohort.value))].slice(0, valuesMax);
  const listed = new Set(values);
  const cohorts = of.flatMap(({ cohort }) => (listed.has(cohort.value) ? [cohort] : []));
  return { attribute, cohorts, left: carried - values.length };
}

function dated(
  { attributes, gateways, days, firstDay }: FleetHistory,
  { code, ...found }: Found,
  date: string,
  before: Pick<DesignReport, 'findings'> | undefined,
): Finding {
  const attribute = attributes.indexOf(found.attribute);
  let first = Infinity;
  for (const past of gateways.values()) {
    const since = carriedSince(past, attribute, code);
    if (since !== undefined) first = Math.min(first, since);
  }
  const known = before?.findings.find(
    (one) =>
      one.attribute === found.attribute && one.value === found.value && one.conditionId === found.conditionId,
  );
  const isLater = Number.isFinite(first) && firstDay + first > (days[0] ?? firstDay);
  return {
    ...found,
    ...(isLater && { carriedSince: dateText(firstDay + first) }),
    firstReported: known?.firstReported ?? date,
  };
}

/** Index of the first day on which a gateway carried it, as far as it was seen. */
function carriedSince(
  {
    changes,
    codes,
    present,
  }: {
    changes: readonly { attribute: number; day: number; from: number; to: number }[];
    codes: readonly number[];
    present: number;
  },
  attribute: number,
  code: number,
): number | undefined {
  const own = changes.filter((change) => change.attribute === attribute);
  if ((own[0]?.from ?? codes[attribute]) === code)
    return present === 0 ? undefined : 31 - Math.clz32(present & -present);
  return own.find(({ to }) => to === code)?.day;
}

const byVerdict = (a: Release, b: Release): number => rankOf(a) - rankOf(b) || b.gateways - a.gateways;
function rankOf({ effects }: Release): number {
  if (effects.some(({ verdict }) => verdict === 'worse')) return 0;
  return effects.some(({ verdict }) => verdict === 'better') ? 1 : 2;
}
