import type { Cause } from './detector.ts';
import type { Interval } from './intervals.ts';
import type { Report } from './report.ts';

const percent = (share: number | null): string => (share === null ? '–' : `${(share * 100).toFixed(1)} %`);
const between = (interval: Interval | null): string =>
  interval === null ? '' : `(95 %: ${percent(interval[0])} to ${percent(interval[1])})`;
const causeText = (cause: Cause): string =>
  cause.map(({ attribute, value }) => `${attribute}=${value}`).join(' & ');

/** For people: each detector's score, then what the first seed had and what was said about it. */
export function printReport(report: Report): void {
  const { gateways, seeds, scoredDays, truth, detectors, nullDays } = report;
  const days = `${scoredDays} day${scoredDays === 1 ? '' : 's'}`;
  console.log(
    `${seeds} fleet${seeds === 1 ? '' : 's'} of ${gateways} gateways, ${days} scored${nullDays ? ', no faults' : ''}`,
  );
  for (const [name, summary] of Object.entries(detectors)) {
    const [low, high] = summary.falsePatternsPerDayInterval;
    const perDay = summary.falsePatternsPerDay.toFixed(2);
    console.log(`\n${name}`);
    console.log(`  precision  ${percent(summary.precision)} ${between(summary.precisionInterval)}`);
    for (const [added, { found, eligible, interval }] of Object.entries(summary.recallByAdded))
      console.log(`  recall     ${added}: ${found} of ${eligible} ${between(interval)}`);
    console.log(`  top one    ${percent(summary.topOne)} ${between(summary.topOneInterval)}`);
    console.log(
      `  false      ${summary.falsePatterns}, ${perDay} a day (95 %: ${low.toFixed(2)} to ${high.toFixed(2)})`,
    );
    for (const [because, count] of Object.entries(summary.falseBecause))
      console.log(`             ${count} ${because}`);
    if (summary.partial > 0)
      console.log(`  partial    ${summary.partial}, half of a pair (not in the precision)`);
    if (summary.minutesToFindMedian !== null)
      console.log(`  found in   ${summary.minutesToFindMedian} min (median)`);
  }
  const [first] = truth;
  if (!first || first.faults.length === 0) return;
  console.log(`\nfaults of seed ${first.seed}`);
  for (const fault of first.faults) {
    const said = Object.entries(detectors).map(([name, { found }]) => {
      const finding = found[0]?.findings.find(({ because }) => because === fault.id);
      return `${name}: ${finding ? `${finding.verdict} ${causeText(finding.cause)}` : 'missed'}`;
    });
    const whyNot = fault.notEligible === undefined ? '' : ` (not counted: ${fault.notEligible})`;
    console.log(
      `  ${fault.id}: ${causeText(fault.cause)} +${fault.added} ${fault.conditions.join(', ')}${whyNot}`,
    );
    for (const line of said) console.log(`    ${line}`);
  }
}
