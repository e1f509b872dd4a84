import type { Command } from 'commander';
import { fillPath, operatorRoutes } from '../core/api-routes.ts';
import { conditionIds } from '../core/conditions/conditions.ts';
import { attributeNames } from '../core/patterns/attributes.ts';
import type { Rate } from '../core/patterns/breakdown.ts';
import type { BreakdownView, PatternView } from '../core/patterns/pattern-view.ts';
import { durationText, timeText } from '../core/readable.ts';
import { below, fleetPages, requireOperator } from './fleet-pages.ts';
import { fields, paragraph, table } from './output.ts';
import { knownName } from './known-name.ts';
import { apiCommand, commandGroup, type CliDeps, type Session } from './program.ts';
import { wholeId } from './whole-id.ts';

/** What failing gateways have in common, for the provider's operator. */
export function addPatternCommands(program: Command, deps: CliDeps): void {
  const group = commandGroup(
    program,
    'patterns',
    'what failing gateways have in common, for the provider’s operators',
    ['patterns list', 'patterns list --all --json', 'patterns show 3f9a…'],
  );
  const list = apiCommand(
    group,
    'list',
    'list open patterns',
    deps,
    ['patterns list', 'patterns list --all --json'],
    false,
  );
  list.option('--all', 'those that are over too').run(async (session) => {
    const state = list.opts<{ all?: boolean }>().all ? 'all' : 'open';
    const patterns = await allPatterns(session, state);
    session.show({ patterns }, () => patternTable(patterns, session.deps.now()));
  });
  apiCommand(
    group,
    'show <pattern>',
    'show the evidence for one pattern, what else may be its cause, and gateways that it hit',
    deps,
    ['patterns show 3f9a…'],
    false,
  ).run(async (session, given = '') => {
    requireOperator(session);
    const alertKey = await wholeId(given, {
      what: 'pattern',
      look: session.toType('holdfast patterns list --all'),
      lists: (['open', 'all'] as const).map((state) => async () => {
        const patterns = await allPatterns(session, state);
        return patterns.map((pattern) => ({ id: pattern.alertKey, about: nameOf(pattern.evidence) }));
      }),
    });
    const path = fillPath(below(operatorRoutes.fleetPattern.path), { alertKey });
    const answer = await session.api.operator<{ pattern: PatternView }>(path);
    session.show(answer, () => patternText(answer.pattern));
  });
}

const allPatterns = (session: Session, state: 'open' | 'all'): Promise<PatternView[]> =>
  fleetPages(session, below(operatorRoutes.fleetPatterns.path), 'patterns', { state });

export function patternTable(patterns: PatternView[], now: number): string {
  if (patterns.length === 0) return 'no patterns';
  return table(
    ['PATTERN', 'STATE', 'CUSTOMERS', 'SINCE'],
    patterns.map(({ alertKey, state, evidence, firedAt, changedAt }) => [
      alertKey,
      state,
      `${evidence.hitCustomers}`,
      `${durationText(now - (firedAt ?? changedAt))} ago`,
    ]),
    patterns.map(({ evidence }) => nameOf(evidence)),
  );
}

const nameOf = ({ conditionId, attribute, value }: PatternView['evidence']): string =>
  attribute === '*' ? `${conditionId} in the whole fleet` : `${conditionId} where ${attribute} is ${value}`;

const percent = (share: number): string => `${(100 * share).toPrecision(3)} %`;
const rateText = ({ value, low, high }: Rate): string =>
  `${percent(value)} (95 %: ${percent(low)} to ${percent(high)})`;

export function patternText(pattern: PatternView): string {
  const { evidence, rates } = pattern;
  const { carriers, outside, within, indistinguishable: twins, gateways } = evidence;
  const head = fields(
    {
      pattern: pattern.alertKey,
      what: nameOf(evidence),
      state: pattern.state,
      fired: pattern.firedAt && timeText(pattern.firedAt),
      resolved: pattern.resolvedAt && timeText(pattern.resolvedAt),
      window: durationText(evidence.windowMs),
      carriers: `${evidence.hitCustomers} of ${carriers.customers} customers, ${evidence.failingGateways} of ${carriers.gateways} gateways`,
      'customers hit': rateText(rates.carriers),
      others:
        outside &&
        `${outside.hitCustomers} of ${outside.customers} customers, ${outside.failingGateways} of ${outside.gateways} gateways`,
      'others hit': rates.outside && rateText(rates.outside),
      expected: `${evidence.expectedCustomers.toPrecision(3)} customers at most`,
      'p-value': evidence.logPValue === undefined ? undefined : pValueText(evidence.logPValue),
      'may as well be': twins.length
        ? twins.map((twin) => `${twin.attribute} ${twin.value} (${percent(twin.jaccard)} shared)`).join('; ')
        : undefined,
      'worst where': within && `${within.attribute} is ${within.value}`,
    },
    { wraps: true },
  );
  const some = table(
    ['GATEWAY', 'TENANT'],
    gateways.map(({ gatewayId, tenantId }) => [gatewayId, tenantId]),
  );
  return gateways.length ? `${head}\n\n${some}` : head;
}

/** Of a natural logarithm: most are too small to be a number. */
export function pValueText(ln: number): string {
  const tens = ln / Math.LN10;
  const exponent = Math.floor(tens);
  return `${(10 ** (tens - exponent)).toFixed(1)}e${exponent}, by luck alone`;
}

/** `fleet breakdown`: added to the fleet's group. */
export function addBreakdownCommand(group: Command, deps: CliDeps): void {
  const command = apiCommand(
    group,
    'breakdown',
    'how gateways do by what they have in common: customers, gateways and how many of them fail',
    deps,
    ['fleet breakdown --by agentVersion --condition Offline'],
    false,
  );
  command
    .requiredOption('--by <attribute>', `one of ${attributeNames.join(', ')}`)
    .requiredOption('--condition <id>', 'the condition that counts as failing');
  command.run(async (session) => {
    requireOperator(session);
    const flags = command.opts<{ by: string; condition: string }>();
    const by = knownName('--by', flags.by, attributeNames);
    const condition = knownName('--condition', flags.condition, conditionIds);
    const path = below(operatorRoutes.fleetBreakdown.path);
    const answer = await session.api.operator<{ breakdown: BreakdownView }>(path, { by, condition });
    session.show(answer, () => breakdownText(answer.breakdown, session.deps.now()));
  });
}

export function breakdownText({ attribute, condition, at, left, lines }: BreakdownView, now: number): string {
  const title = `${condition} by ${attribute}, as of ${durationText(now - at)} ago`;
  if (lines.length === 0) return `${title}: no gateway has a known value`;
  const rows = table(
    ['CUSTOMERS', 'HIT', '95 %', 'GATEWAYS', 'FAILING', 'RATIO', 'VALUE'],
    lines.map(({ value, customers, gateways, failing, rate, ratio }) => [
      `${customers}`,
      percent(rate.value),
      `${percent(rate.low)}-${percent(rate.high)}`,
      `${gateways}`,
      `${failing.gateways}`,
      ratio === undefined ? '-' : ratio.toPrecision(2),
      value,
    ]),
  );
  const rest = left > 0 ? paragraph(`${left} more values, of fewer gateways each, are not listed`, '') : '';
  return [title, rows, rest].filter(Boolean).join('\n');
}
