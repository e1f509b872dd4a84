/**
 * One conditional write on one item, as data: the rules say what to write and when, the store says how. A path is
 * dotted (`route.epoch`); names in it hold no dots themselves.
 */
export interface GuardedUpdate {
  when: Condition;
  set?: Record<string, unknown>;
  remove?: readonly string[];
  /** Numbers to raise; a missing one counts from 0. */
  add?: Record<string, number>;
}

export type Condition =
  | { is: 'equal'; path: string; value: string | number }
  | { is: 'less'; path: string; value: number }
  | { is: 'present' | 'absent'; path: string }
  /** A map with fewer than `count` entries. */
  | { is: 'fewer'; path: string; count: number }
  | { is: 'all' | 'any'; of: readonly Condition[] };

export const equal = (path: string, value: string | number): Condition => ({ is: 'equal', path, value });
export const less = (path: string, value: number): Condition => ({ is: 'less', path, value });
export const present = (path: string): Condition => ({ is: 'present', path });
export const absent = (path: string): Condition => ({ is: 'absent', path });
export const fewer = (path: string, count: number): Condition => ({ is: 'fewer', path, count });
export const all = (...of: Condition[]): Condition => ({ is: 'all', of });
export const any = (...of: Condition[]): Condition => ({ is: 'any', of });

type Fields = Record<string, unknown>;

/** Whether an item (undefined: there is none) meets a condition, as DynamoDB would decide it. */
export function holds(condition: Condition, item: object | undefined): boolean {
  if ('of' in condition) {
    return condition.is === 'all'
      ? condition.of.every((each) => holds(each, item))
      : condition.of.some((each) => holds(each, item));
  }
  const value = at(item, condition.path);
  switch (condition.is) {
    case 'present':
      return value !== undefined;
    case 'absent':
      return value === undefined;
    case 'equal':
      return value === condition.value;
    case 'less':
      return typeof value === 'number' && value < condition.value;
    case 'fewer':
      return isFields(value) && Object.keys(value).length < condition.count;
  }
}

/** The item after the update; undefined where the condition fails. `key` is the item's key where there is none yet. */
export function applied<T extends object>(
  update: GuardedUpdate,
  item: T | undefined,
  key: object,
): T | undefined {
  if (!holds(update.when, item)) return undefined;
  const next: Fields = structuredClone({ ...key, ...item });
  for (const [path, value] of Object.entries(update.set ?? {})) write(next, path, structuredClone(value));
  for (const path of update.remove ?? []) write(next, path, undefined);
  for (const [path, by] of Object.entries(update.add ?? {}))
    write(next, path, Number(at(next, path) ?? 0) + by);
  return next as T;
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;

function at(item: object | undefined, path: string): unknown {
  let value: unknown = item;
  for (const name of path.split('.')) {
    if (!isFields(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

function write(item: Fields, path: string, value: unknown): void {
  const names = path.split('.');
  const last = names.pop()!;
  let holder = item;
  for (const name of names) {
    const inner = holder[name];
    if (!isFields(inner)) throw new Error(`${path}: ${name} is not there to write into`);
    holder = inner;
  }
  if (value === undefined) delete holder[last];
  else holder[last] = value;
}
