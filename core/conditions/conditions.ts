import type { Condition } from './condition.ts';
import { connectionConditions } from './connection-conditions.ts';
import { diskConditions } from './disk-conditions.ts';
import { hostConditions } from './host-conditions.ts';
import { volumeConditions } from './volume-conditions.ts';

/**
 * Every condition that a status proxy looks for. A row needs a raising and a clearing case in its test, a row on the page
 * on monitoring and a section in the runbooks; tests say so.
 */
export const conditions: readonly Condition[] = [
  ...connectionConditions,
  ...hostConditions,
  ...diskConditions,
  ...volumeConditions,
];

export const conditionById: ReadonlyMap<string, Condition> = new Map(conditions.map((c) => [c.id, c]));
export const conditionIds: readonly string[] = [...conditionById.keys()];
