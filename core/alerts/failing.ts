import type { Condition } from '../conditions/condition.ts';
import type { Observation } from '../conditions/evaluate.ts';
import type { AttributeValues } from '../patterns/attributes.ts';
import { attributeNames } from '../patterns/attributes.ts';
import { everybody, namesOf } from '../patterns/evidence.ts';
import type { ValueName } from '../patterns/find-patterns.ts';
import type { AlertItem, GatewayItem } from '../model.ts';
import { isUp } from './inhibition.ts';

/** That a gateway came to meet a condition within the last day, in one part of it or in several. */
export interface Failing {
  gatewayId: string;
  tenantId: string;
  site: string | undefined;
  values: AttributeValues;
  conditionId: string;
  /** When it last did. */
  since: number;
  /** It still does, as far as anybody knows. */
  isNow: boolean;
  /** Those parts of it that still do. */
  components: readonly string[];
  /** Nobody was told of any alert of it yet. */
  isUntold: boolean;
}

/** What of a gateway's observations and listed alerts counts for groups. */
export function failingOf(
  { gatewayId, tenantId, labels }: Pick<GatewayItem, 'gatewayId' | 'tenantId' | 'labels'>,
  { seen, open, values, now }: FailingInput,
): Failing[] {
  const found = new Map<string, Failing>();
  const note = (
    { conditionId, component }: Pick<AlertItem, 'conditionId' | 'component'>,
    { since, isNow, isUntold }: Pick<Failing, 'since' | 'isNow' | 'isUntold'>,
  ): void => {
    const before = found.get(conditionId);
    const { components = [] } = before ?? {};
    found.set(conditionId, {
      ...{ gatewayId, tenantId, site: labels?.site, values, conditionId },
      since: Math.max(since, before?.since ?? 0),
      isNow: isNow || before?.isNow === true,
      components: isNow ? [...components, component] : components,
      isUntold: isUntold && before?.isUntold !== false,
    });
  };
  const partOf = (conditionId: string, component: string): string => `${conditionId} ${component}`;
  const levels = new Map(seen.map((o) => [partOf(o.condition.id, o.component), o.level]));
  for (const item of open) {
    const part = partOf(item.conditionId, item.component);
    const level = levels.get(part);
    levels.delete(part);
    const isRaised = level === 'raised' && !isUp(item);
    const isNow = isRaised || (isUp(item) && level !== 'clear');
    const isTold = isUp(item) && item.state !== 'PENDING' && item.inhibitedBy === undefined;
    if (item.raisedAt !== undefined || isNow)
      note(item, {
        since: isRaised ? now : (item.raisedAt ?? item.firedAt ?? now),
        ...{ isNow, isUntold: !isTold },
      });
  }
  for (const [part, level] of levels) {
    if (level !== 'raised') continue;
    const space = part.indexOf(' ');
    const of = { conditionId: part.slice(0, space), component: part.slice(space + 1) };
    note(of, { since: now, isNow: true, isUntold: true });
  }
  return [...found.values()];
}
interface FailingInput {
  seen: readonly Observation[];
  open: readonly AlertItem[];
  values: AttributeValues;
  now: number;
}

/**
 * Conditions that count for patterns and site incidents: those that say that something fails. What raises no alert keeps
 * no onset; what it suspects is pending as the alert that it comes before.
 */
export const isFailure = ({ severity, alerts }: Pick<Condition, 'severity' | 'alerts'>): boolean =>
  severity !== 'info' && alerts !== false;

/**
 * The condition as its tenant has it, where its alerts may be kept back for one that says it all; undefined where they may
 * not. What a command answers never is: the customer's admin process acts on it.
 */
export function holdableRow(rows: readonly Condition[], conditionId: string): Condition | undefined {
  const row = rows.find(({ id }) => id === conditionId);
  return row && isFailure(row) && row.suggested === undefined ? row : undefined;
}

const indexOf = new Map<string, number>(attributeNames.map((name, i) => [name, i]));

/** Whether a gateway with these values carries one of the names. */
export const carries = (values: AttributeValues, names: readonly ValueName[]): boolean =>
  names.some(
    ({ attribute, value }) =>
      attribute === everybody.attribute || values[indexOf.get(attribute) ?? -1] === value,
  );

/** Finds the pattern in force that explains a failure. */
export class Explanations {
  readonly #byCondition: Map<string, { alertKey: string; names: ValueName[] }[]>;

  constructor(inForce: readonly AlertItem[]) {
    const patterns = inForce.flatMap(({ alertKey, pattern }) => (pattern ? [{ alertKey, pattern }] : []));
    this.#byCondition = new Map(
      [...Map.groupBy(patterns, ({ pattern }) => pattern.conditionId)].map(([conditionId, of]) => [
        conditionId,
        of.map(({ alertKey, pattern }) => ({ alertKey, names: namesOf(pattern) })),
      ]),
    );
  }

  /** Key of the pattern's alert. */
  of({ conditionId, values }: Pick<Failing, 'conditionId' | 'values'>): string | undefined {
    return this.#byCondition.get(conditionId)?.find(({ names }) => carries(values, names))?.alertKey;
  }
}
