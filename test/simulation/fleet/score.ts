import type { Cause } from './detector.ts';
import { causeKey, type Finding } from './findings.ts';
import type { Truth, TrueFault } from './truth.ts';

/** docs/fleet-simulator.md says these rules in words. */
export const graceMinutes = 60;
export const alternativesMax = 5;
/** A named alternative must share so much of its carriers with the true cause. */
export const overlapMin = 0.5;

export type Verdict = 'exact' | 'alternative' | 'outage' | 'partial' | 'false';

export interface Judged extends Finding {
  readonly verdict: Verdict;
  /** The fault that it is right about; for a false one, what was going on: an explanation, and no excuse. */
  readonly because: string;
}

export interface Missed {
  readonly id: string;
  readonly cause: Cause;
}

export interface Score {
  readonly findings: readonly Judged[];
  readonly right: number;
  readonly falsePatterns: number;
  readonly partial: number;
  readonly eligible: number;
  readonly foundFaults: number;
  readonly foundFirst: number;
  readonly missed: readonly Missed[];
  /** From the fault's start to the end of the window in which it was found, of eligible ones. */
  readonly minutesToFind: readonly number[];
}

export interface Judge {
  readonly truth: Truth;
  readonly windowMinutes: number;
  /** Findings that began in the warm-up are dropped: the detector had nothing to compare with yet. */
  readonly warmUpWindows: number;
  /** Jaccard index of who carries the two. */
  readonly overlap: (one: Cause, other: Cause) => number;
}

export function score(findings: readonly Finding[], judge: Judge): Score {
  const judged = findings
    .filter(({ firstWindow }) => firstWindow >= judge.warmUpWindows)
    .map((finding) => ({ ...finding, ...verdictOn(finding, judge) }));
  const eligible = judge.truth.faults.filter(({ isEligible }) => isEligible);
  const about = (fault: TrueFault) =>
    judged.filter(
      ({ verdict, because }) => because === fault.id && (verdict === 'exact' || verdict === 'alternative'),
    );
  const found = eligible.filter((fault) => about(fault).length > 0);
  const count = (...verdicts: Verdict[]) => judged.filter(({ verdict }) => verdicts.includes(verdict)).length;
  const isFirst = (fault: TrueFault) => {
    const [first] = about(fault);
    return first !== undefined && first.verdict === 'exact' && stoodFirst(first, judged);
  };
  return {
    findings: judged,
    right: count('exact', 'alternative', 'outage'),
    falsePatterns: count('false'),
    partial: count('partial'),
    eligible: eligible.length,
    foundFaults: found.length,
    foundFirst: found.filter(isFirst).length,
    missed: eligible.filter((fault) => !found.includes(fault)).map(({ id, cause }) => ({ id, cause })),
    minutesToFind: found.map(
      (fault) => (about(fault)[0]!.firstWindow + 1 - fault.startWindow) * judge.windowMinutes,
    ),
  };
}

/** Nothing but right patterns may have stood before it when it was first named. */
const stoodFirst = (finding: Judged, judged: readonly Judged[]): boolean =>
  finding.isStrongest ||
  !judged.some(
    (other) =>
      other.condition === finding.condition &&
      other.firstWindow <= finding.firstWindow &&
      other.lastWindow >= finding.firstWindow &&
      (other.verdict === 'false' || other.verdict === 'partial'),
  );

function verdictOn(finding: Finding, judge: Judge): { verdict: Verdict; because: string } {
  const { truth, windowMinutes, overlap } = judge;
  const grace = Math.ceil(graceMinutes / windowMinutes);
  const isOn = (what: { conditions: readonly string[]; startWindow: number; endWindow: number }) =>
    what.conditions.includes(finding.condition) &&
    finding.firstWindow >= what.startWindow &&
    finding.firstWindow < what.endWindow + grace;
  const faults = truth.faults.filter(isOn);
  const is = (cause: Cause, other: Cause) => causeKey(cause) === causeKey(other);
  const exact = faults.find(({ cause }) => is(cause, finding.cause));
  if (exact) return { verdict: 'exact', because: exact.id };

  const named = finding.alternatives.slice(0, alternativesMax);
  const meant = faults.find(
    ({ cause }) =>
      named.some((alternative) => is(alternative, cause)) && overlap(cause, finding.cause) >= overlapMin,
  );
  if (meant) return { verdict: 'alternative', because: meant.id };

  const outage = truth.outages.find(
    (one) => isOn(one) && is([{ attribute: one.domain, value: one.value }], finding.cause),
  );
  if (outage) return { verdict: 'outage', because: `${outage.domain} ${outage.value}` };

  const half = faults.find(({ cause }) => isHalf(finding.cause, cause));
  if (half) return { verdict: 'partial', because: half.id };
  return { verdict: 'false', because: goingOn(finding, judge, faults, truth.bursts.some(isOn)) };
}

/** One value of a pair, or a pair with a value too many. */
const isHalf = (found: Cause, truly: Cause): boolean =>
  found.length !== truly.length &&
  found.some((one) => truly.some((other) => one.attribute === other.attribute && one.value === other.value));

function goingOn(
  { cause, condition }: Finding,
  { truth }: Judge,
  faults: readonly TrueFault[],
  isBurst: boolean,
): string {
  const isChronic = truth.chronic.some(
    ({ attribute, value, conditions }) =>
      conditions.includes(condition) &&
      cause.some((one) => one.attribute === attribute && one.value === value),
  );
  if (isChronic) return 'chronic difference';
  if (faults.length > 0) return `beside ${faults.map(({ id }) => id).join(', ')}`;
  return isBurst ? 'fleet-wide burst' : 'background';
}
