import type { Command } from 'commander';
import { valueText, type ConditionOverride, type ConditionView } from '../core/conditions/settings.ts';
import { durationMsOf, writtenDuration } from '../core/duration.ts';
import { HoldfastError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest-names.ts';
import { severities, type Severity } from '../core/model.ts';
import { durationText } from '../core/readable.ts';
import { parseDurationMs } from './duration.ts';
import { fields, table } from './output.ts';
import { apiCommand, commandGroup, type CliDeps, type Session } from './program.ts';

interface SetFlags {
  raiseAt?: string;
  clearAt?: string;
  for?: string;
  severity?: string;
  off?: boolean;
  on?: boolean;
  default?: boolean;
}
const triesMax = 5;

/** What alerts are made of, below `alerts`. */
export function addConditionCommands(group: Command, deps: CliDeps): void {
  const conditions = commandGroup(group, 'conditions', 'what raises an alert, and when', [
    'alerts conditions list',
    'alerts conditions set MemoryHigh --raise-at 98% --for 30m',
  ]);
  apiCommand(conditions, 'list', 'list conditions as they are for the tenant', deps, [
    'alerts conditions list',
    'alerts conditions list --json',
  ]).run(async ({ api, show }) => {
    const answer = await api.call('listConditions', {});
    show(answer, () => conditionTable(answer.conditions));
  });

  apiCommand(conditions, 'show <condition>', 'what a condition means, and what to do', deps, [
    'alerts conditions show DiskFailed',
  ]).run(async (session, conditionId = '') => {
    const condition = found(session, (await session.api.call('listConditions', {})).conditions, conditionId);
    session.show({ condition }, () => conditionText(condition));
  });

  const set = apiCommand(conditions, 'set <condition>', 'set a condition otherwise for the tenant', deps, [
    'alerts conditions set FsFull --raise-at 97% --clear-at 95%',
    'alerts conditions set LinkLatency --raise-at 900ms --clear-at 600ms --for 30m',
    'alerts conditions set SnapshotOld --severity critical',
    'alerts conditions set CacheHitLow --off',
    'alerts conditions set FsFull --default',
  ]);
  set
    .option('--raise-at <value>', 'raised from here on: 95%, 15m, 500ms, or a number')
    .option('--clear-at <value>', 'clear from here on')
    .option('--for <duration>', 'how long it must be raised before an alert fires: 0s, 15m, 24h')
    .option('--severity <severity>', severities.join(', '))
    .option('--off', 'do not look for it; its open alerts resolve')
    .option('--on', 'look for it again')
    .option('--default', 'all of it as the deployment has it')
    .run(async (session, conditionId = '') => {
      const condition = await setCondition(session, conditionId, set.opts<SetFlags>());
      session.show({ condition }, () => conditionText(condition));
    });
}

/** Changed over the settings that were read, so that two who set different things both do. */
async function setCondition(session: Session, conditionId: string, flags: SetFlags): Promise<ConditionView> {
  const { api } = session;
  const { default: isDefault, raiseAt, clearAt, for: forText, severity, off, on } = flags;
  const given = [raiseAt, clearAt, forText, severity, off, on].filter((flag) => flag !== undefined);
  if (!isDefault && given.length === 0)
    throw new HoldfastError('USAGE', 'there is nothing to set', {
      hint: 'e.g. --raise-at 97%, --for 30m, --severity info, --off, or --default alone',
    });
  if (off && on) throw excluding('--on', '--off');
  if (isDefault && given.length > 0) throw excluding('--default', 'what is set otherwise');
  const params = { conditionId };
  if (isDefault) return (await api.call('deleteCondition', { params })).condition;
  for (let tries = 1; ; tries++) {
    const { version: ifVersion, conditions } = await api.call('listConditions', {});
    const override = changed(found(session, conditions, conditionId), flags);
    try {
      return (await api.call('putCondition', { params, body: { ...override, ifVersion } })).condition;
    } catch (thrown) {
      const isRace = thrown instanceof HoldfastError && thrown.code === 'CONFLICT';
      if (!isRace || tries >= triesMax) throw thrown;
    }
  }
}

const excluding = (one: string, other: string): HoldfastError =>
  new HoldfastError('USAGE', `${one} and ${other} exclude each other`, { hint: 'give one of them' });

function changed({ conditionId, unit, override }: ConditionView, flags: SetFlags): ConditionOverride {
  const { isOff = false, ...rest } = override ?? {};
  const { raiseAt, clearAt, for: forText, severity, off, on } = flags;
  return {
    ...rest,
    ...(raiseAt === undefined ? {} : { raiseAt: parseValue('--raise-at', conditionId, unit, raiseAt) }),
    ...(clearAt === undefined ? {} : { clearAt: parseValue('--clear-at', conditionId, unit, clearAt) }),
    ...(forText === undefined ? {} : { forMs: parseDurationMs('--for', forText) }),
    ...(severity === undefined ? {} : { severity: parseSeverity(severity) }),
    ...(off || (isOff && !on) ? { isOff: true } : {}),
  };
}

function parseSeverity(text: string): Severity {
  const known = severities.find((each) => each === text);
  if (known) return known;
  throw new HoldfastError('USAGE', `--severity "${text}" is none`, {
    hint: `one of ${severities.join(', ')}`,
  });
}

/** As people write it, in the condition's unit: `95%`, `15m` or `500ms`, `60`. */
function parseValue(flag: string, conditionId: string, unit: ConditionView['unit'], text: string): number {
  const number = /^(\d{1,12}(?:\.\d{1,6})?)(%|ms)?$/.exec(text);
  const value = Number(number?.[1]);
  const suffix = number?.[2];
  if (unit === 'ms') {
    const ms = suffix === 'ms' ? value : durationMsOf(text);
    if (ms !== undefined) return ms;
  } else if (unit === 'share' && number && suffix !== 'ms')
    return suffix === '%' ? Number((value / 100).toPrecision(12)) : value;
  else if (unit !== 'flag' && number && suffix === undefined) return value;
  throw new HoldfastError('USAGE', `${flag} "${text}" is no value of ${conditionId}`, {
    hint: valueHints[unit],
  });
}

const aNumber = 'write a number alone, such as 60';
const valueHints: Record<ConditionView['unit'], string> = {
  share: 'write it like 95% or 0.95',
  ms: 'write it like 500ms, 90s, 15m, 24h or 7d',
  flag: 'it is either so or not: it has --for, --severity and --off, and no thresholds',
  count: aNumber,
  perSec: aNumber,
  celsius: 'write degrees alone, such as 60',
  score: aNumber,
};

function found(
  { toType }: Session,
  conditions: readonly ConditionView[],
  conditionId: string,
): ConditionView {
  const condition = conditions.find((each) => each.conditionId === conditionId);
  if (condition) return condition;
  throw new HoldfastError('NOT_FOUND', `there is no condition ${conditionId}`, {
    hint: didYouMean(
      conditionId,
      conditions.map((each) => each.conditionId),
      `\`${toType('holdfast alerts conditions list')}\` lists them`,
    ),
  });
}

function conditionTable(conditions: readonly ConditionView[]): string {
  return table(
    ['CONDITION', 'RAISED', 'CLEAR', 'FOR', 'SEVERITY', 'SET'],
    conditions.map((c) => [c.conditionId, ...thresholds(c), c.alerts ? c.severity : '-', setText(c)]),
    conditions.map(({ measures }) => measures),
  );
}

/** From where it is raised, from where it is clear, and how long it must last. */
function thresholds({ unit, worse, raiseAt, clearAt, forMs }: ConditionView): [string, string, string] {
  const signs = worse === 'below' ? ['≤', '≥'] : ['≥', '≤'];
  const [raised, clear] = [raiseAt, clearAt].map((value, i) =>
    unit === 'flag' ? valueText(unit, value) : `${signs[i]} ${valueText(unit, value)}`,
  );
  return [raised ?? '', clear ?? '', durationText(forMs)];
}

const setText = ({ isOff, override }: ConditionView): string => (isOff ? 'off' : override ? 'yes' : '-');

/** Of what cannot be told sooner, whatever is set. */
const leastText = ({ forMinMs }: ConditionView): string =>
  `${writtenDuration(forMinMs)} at least, the time in which all gateways of a lost cell dial again`;

function conditionText(condition: ConditionView): string {
  const [raised, clear, forText] = thresholds(condition);
  return fields(
    {
      condition: condition.conditionId,
      about: condition.about,
      measures: condition.measures,
      raised,
      clear,
      for: condition.forMinMs > 0 ? `${forText}; ${leastText(condition)}` : forText,
      'clear for': durationText(condition.clearForMs),
      severity: condition.alerts ? condition.severity : 'raises no alert',
      set: setText(condition),
      meaning: condition.meaning,
      why: condition.explanation,
      command: condition.suggested,
      runbook: condition.runbook,
    },
    { wraps: true },
  );
}
