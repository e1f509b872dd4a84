import type { Cohort } from '../core/design-report/cohorts.ts';
import type { Ratio } from '../core/design-report/comparison.ts';
import type { Finding } from '../core/design-report/findings.ts';
import type { CohortList, DesignReport } from '../core/design-report/report.ts';
import type { ReportView } from '../core/design-report/report-view.ts';
import type { Release } from '../core/design-report/releases.ts';
import type { Rate } from '../core/patterns/breakdown.ts';
import { percentText } from '../core/readable.ts';
import { fields, paragraph, table } from './output.ts';

/** What was found first, then before and after releases, then what was too small to tell. */
export function reportText({ report, list }: ReportView): string {
  const parts = [
    headText(report),
    findingsText(report),
    ...(list ? [cohortsText(list)] : []),
    releasesText(report),
    tooSmallText(report),
  ];
  return parts.filter(Boolean).join('\n\n');
}

const whole = (count: number): string => count.toLocaleString('en');
const number = (value: number): string =>
  !Number.isFinite(value)
    ? 'any'
    : value >= 100
      ? whole(Math.round(value))
      : `${Number(value.toPrecision(2))}`;
const range = ({ low, high }: { low: number; high: number }): string => `${number(low)} to ${number(high)}`;
const rateText = (rate: Rate): string => `${number(rate.value)} (95 %: ${range(rate)})`;
const ratioText = (ratio: Ratio): string =>
  `${ratio.isAtLeast ? 'at least ' : ''}${number(ratio.value)} times (95 %: ${range(ratio)})`;

function headText({ date, from, days, gateways, customers, gatewayDays, tests }: DesignReport): string {
  const seen =
    `Design report of ${date}: ${days} days since ${from}, ${whole(gateways)} gateways of ` +
    `${whole(customers)} customers, ${whole(gatewayDays)} gateway-days. ${whole(tests)} comparisons were made; ` +
    'of the findings at most 5 % are luck, on average.';
  return paragraph(seen, '');
}

function findingsText({ findings, findingsLeft }: DesignReport): string {
  if (findings.length === 0) return 'No cohort is worse than the rest, as far as can be told.';
  const left = findingsLeft > 0 ? [`${findingsLeft} more findings are left away`] : [];
  return ['WORSE THAN THE REST', ...findings.map(findingText), ...left].join('\n\n');
}

function findingText(finding: Finding): string {
  const { conditionId, attribute, value, ratio, adjusted, rate, hit, within, indistinguishable } = finding;
  const title = `${conditionId} where ${attribute} is ${value}`;
  const values = (of: readonly { attribute: string; value: string }[]): string | undefined =>
    of.length > 0 ? of.map((one) => `${one.attribute} ${one.value}`).join('; ') : undefined;
  const twins = indistinguishable.map(
    (one) => `${one.attribute} ${one.value} (${percentText(one.jaccard)} shared)`,
  );
  return [
    paragraph(title, ''),
    fields(
      {
        '  the rest': ratioText(ratio),
        '  beside the others': adjusted && ratioText(adjusted),
        '  1,000 gateway-days': `${rateText(rate)}, ${whole(finding.onsets)} in ${whole(finding.gatewayDays)}`,
        '  customers hit': `${whole(hit.customers)} of ${whole(finding.customers)}; ${whole(finding.gateways)} gateways carry it`,
        '  carried since': finding.carriedSince,
        '  first reported': finding.firstReported,
        '  may as well be': twins.length > 0 ? twins.join('; ') : undefined,
        '  explains': values(finding.explains),
        '  inside of each':
          within.map((one) => `${one.attribute} ${ratioText(one.ratio)}`).join('; ') || undefined,
        '  nothing to compare': finding.withoutContrast.join(', ') || undefined,
      },
      { wraps: true },
    ),
  ].join('\n');
}

function releasesText({ releases, releasesLeft }: DesignReport): string {
  if (releases.length === 0) return '';
  const left = releasesLeft > 0 ? [`${releasesLeft} more changes are left away`] : [];
  const title = 'BEFORE AND AFTER A CHANGE, each gateway against itself, in 1,000 gateway-days';
  return [title, ...releases.map(releaseText), ...left].join('\n\n');
}

function releaseText(release: Release): string {
  const { attribute, value, from, effects, alsoChanged, isAgainstOthers } = release;
  const before = from.map((one) => one.value).join(', ');
  const title = `${attribute} ${value}, before: ${before}; ${whole(release.gateways)} gateways of ${whole(release.customers)} customers`;
  const notes = [
    ...alsoChanged.map(
      (one) =>
        `${percentText(one.share)} changed ${one.attribute} to ${one.value} on the same day: it may be that`,
    ),
    ...(isAgainstOthers ? [] : ['too few others to compare with: whatever else happened then is in it']),
  ];
  const rows = effects.map((effect) => [
    effect.conditionId,
    number(effect.before.rate),
    number(effect.after.rate),
    `${effect.ratio.isAtLeast ? '≥ ' : ''}${number(effect.ratio.value)}`,
    range(effect.ratio),
    effect.verdict,
  ]);
  return [
    paragraph(title, ''),
    ...notes.map((note) => paragraph(note)),
    table(['CONDITION', 'BEFORE', 'AFTER', 'TIMES', '95 %', 'SEEN'], rows),
  ].join('\n');
}

function tooSmallText({ tooSmall, releases }: DesignReport): string {
  const { values, least } = tooSmall;
  const counts = Object.entries(values).map(([attribute, count]) => `${attribute} ${whole(count)}`);
  const seldom = releases.reduce((all, { tooSeldom }) => all + tooSeldom, 0);
  const lines = [
    ...(counts.length > 0
      ? [
          `values of fewer than ${least.customers} customers or ${least.gateways} gateways: ${counts.join(', ')}`,
        ]
      : []),
    ...(tooSmall.releases > 0 ? [`${tooSmall.releases} changes of as few`] : []),
    ...(seldom > 0 ? [`${seldom} conditions that began too seldom around a change`] : []),
  ];
  return lines.length > 0 ? ['TOO SMALL TO TELL', ...lines.map((line) => paragraph(line))].join('\n') : '';
}

function cohortsText({ attribute, cohorts, left }: CohortList): string {
  const met = Map.groupBy(
    cohorts.filter(({ onsets }) => onsets > 0),
    ({ conditionId }) => conditionId,
  );
  const tables = [...met].map(([conditionId, of]) => `${conditionId} by ${attribute}\n${cohortTable(of)}`);
  const none = met.size === 0 ? [`No condition began where ${attribute} is known`] : [];
  const more = left > 0 ? [paragraph(`${left} more values are not listed`, '')] : [];
  return [`COHORTS BY ${attribute}, in 1,000 gateway-days`, ...tables, ...none, ...more].join('\n\n');
}

const cohortTable = (cohorts: readonly Cohort[]): string =>
  table(
    ['RATE', '95 %', 'TIMES', '95 %', 'HIT', 'CUSTOMERS', 'GATEWAYS', 'VALUE'],
    cohorts
      .toSorted((a, b) => b.rate.low - a.rate.low)
      .map(({ rate, ratio, hit, customers, gateways, value }) => [
        number(rate.value),
        range(rate),
        ratio ? `${ratio.isAtLeast ? '≥ ' : ''}${number(ratio.value)}` : '-',
        ratio ? range(ratio) : '-',
        whole(hit.customers),
        whole(customers),
        whole(gateways),
        value,
      ]),
  );
