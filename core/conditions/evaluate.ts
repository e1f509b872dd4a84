import { commandSpecs } from '../command-kinds.ts';
import type { SuggestedCommand } from '../model.ts';
import { conditions, type Condition } from './conditions.ts';
import { isStale, type Reading, type SignalInput } from './signals.ts';

/**
 * What one condition says about one component now. `hold`: between the thresholds, it stays as it was.
 * What cannot be known (stale status, a frozen cell, a component or metric that is not reported) has no observation.
 */
export interface Observation {
  condition: Condition;
  component: string;
  level: 'raised' | 'hold' | 'clear';
  value: number;
}

/** Every observation that the input allows. `cellFrozen`: the whole cell is silent, so silence says nothing. */
export function observe(input: SignalInput & { cellFrozen?: boolean }): Observation[] {
  const fresh = !isStale(input) && input.status ? { ...input, status: input.status } : undefined;
  return conditions.flatMap((condition) => {
    let readings: Reading[] = [];
    if (!condition.needsStatus) readings = input.cellFrozen ? [] : condition.signal(input);
    else if (fresh) readings = condition.signal(fresh);
    return readings.filter(({ value }) => Number.isFinite(value)).map((r) => observation(condition, r));
  });
}

function observation(condition: Condition, { component, value }: Reading): Observation {
  const level = value >= condition.raiseAt ? 'raised' : value <= condition.clearAt ? 'clear' : 'hold';
  return { condition, component, level, value };
}

/** One line for people. A component's name comes from the gateway: control characters are taken out, length bounded. */
export function summaryOf({ condition, component, value }: Observation): string {
  const name = component.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '?').slice(0, 128);
  return condition.summary({ component: name, value }).slice(0, 500);
}

/** The condition's command for this component; undefined where the component is no valid parameter of it. */
export function suggestedFor({ condition, component }: Observation): SuggestedCommand | undefined {
  if (!condition.suggested) return undefined;
  const { kind, component: parameter } = condition.suggested;
  const params = parameter === undefined ? {} : { [parameter]: component };
  return commandSpecs[kind].params.safeParse(params).success ? { kind, params } : undefined;
}
