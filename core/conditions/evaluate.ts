import { commandSpecs } from '../command-kinds.ts';
import type { SuggestedCommand } from '../model.ts';
import { isClear, isRaised, type Condition } from './condition.ts';
import { conditions } from './conditions.ts';
import { isStale, nothing, type FreshInput, type Reading, type SignalInput } from './signals.ts';

/** What an alert needs to know of what it is about: a row of the table, or a rule about many gateways together. */
export type Rule = Pick<
  Condition,
  'id' | 'severity' | 'forMs' | 'clearForMs' | 'summary' | 'suggested' | 'alerts'
>;

/**
 * What one condition says about one component now. `hold`: between the thresholds, it stays as it was.
 * What cannot be known (stale status, a frozen cell, a component or metric that is not reported) has no observation.
 */
export interface Observation extends Reading {
  condition: Rule;
  level: 'raised' | 'hold' | 'clear';
}

export interface ObserveInput extends SignalInput {
  /** The whole cell is silent, so silence says nothing. */
  cellFrozen?: boolean;
  /** The rows that are looked for. @default all of them, as the table has them */
  rows?: readonly Condition[];
  /** The gateway's open alerts: a component that a heartbeat does not name may be well. */
  open?: readonly { conditionId: string; component: string }[];
}

/** Every observation that the input allows. */
export function observe(input: ObserveInput): Observation[] {
  const { rows = conditions } = input;
  const fresh = freshOf(input);
  const seen: Observation[] = [];
  for (const condition of rows)
    for (const reading of readingsOf(condition, input, fresh))
      if (Number.isFinite(reading.value)) seen.push(observation(condition, reading));
  return fresh ? [...seen, ...unlisted(fresh, rows)] : seen;
}

/** Whether one of the observations is raised. Most gateways have none: they are asked for no more than this. */
export function isAnythingRaised(input: ObserveInput): boolean {
  const fresh = freshOf(input);
  for (const condition of input.rows ?? conditions)
    for (const { value } of readingsOf(condition, input, fresh))
      if (Number.isFinite(value) && isRaised(condition, value)) return true;
  return false;
}

const freshOf = (input: ObserveInput): (ObserveInput & FreshInput) | undefined =>
  // It has a status, or it would be stale.
  isStale(input) ? undefined : (input as ObserveInput & FreshInput);

function readingsOf(
  condition: Condition,
  input: ObserveInput,
  fresh: FreshInput | undefined,
): readonly Reading[] {
  if (condition.needsStatus) return fresh ? condition.signal(fresh) : nothing;
  return input.cellFrozen ? nothing : condition.signal(input);
}

function observation(condition: Condition, reading: Reading): Observation {
  const { value } = reading;
  const level = isRaised(condition, value) ? 'raised' : isClear(condition, value) ? 'clear' : 'hold';
  return { condition, level, ...reading };
}

/** Clear are those open ones whose component is not named though the heartbeat looked at all of its kind. */
function unlisted(
  { open = [], status }: ObserveInput & FreshInput,
  rows: readonly Condition[],
): Observation[] {
  const { heartbeat } = status;
  return open.flatMap(({ conditionId, component }) => {
    const condition = rows.find(({ id }) => id === conditionId);
    const { listed } = condition ?? {};
    if (!condition || !listed || !heartbeat.checked?.includes(listed.part)) return [];
    if (listed.names(heartbeat).includes(component)) return [];
    return [{ condition, component, level: 'clear' as const, value: condition.clearAt }];
  });
}

/** One line for people. A component's name comes from the gateway: control characters are taken out, length bounded. */
export function summaryOf({ condition, component, value }: Observation): string {
  const name = component.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '?').slice(0, 128);
  return condition.summary({ component: name, value }).slice(0, 500);
}

/** The condition's command for this component; undefined where it cannot help, or the component is no valid parameter. */
export function suggestedFor({
  condition,
  component,
  isHelpless,
}: Observation): SuggestedCommand | undefined {
  if (!condition.suggested || isHelpless) return undefined;
  const { kind, component: parameter } = condition.suggested;
  const params = parameter === undefined ? {} : { [parameter]: component };
  return commandSpecs[kind].params.safeParse(params).success ? { kind, params } : undefined;
}
