import type { Statement } from '../template/policy-document.ts';
import { notKnownHere } from '../template/template-error.ts';

/** Condition key (lower case) → the request's values; a missing key is absent. */
export type RequestContext = Readonly<Record<string, readonly string[]>>;

type Test = (actual: string, expected: string) => boolean;

const text: Test = (actual, expected) => actual === expected;
const like: Test = (actual, expected) => wildcard(expected).test(actual);
const number = (compare: (left: number, right: number) => boolean): Test => {
  return (actual, expected) => compare(Number(actual), Number(expected));
};

/** Operator → test of one value against one expected value; `not` turns the whole around. */
const operators: Record<string, { test: Test; not?: true }> = {
  StringEquals: { test: text },
  StringNotEquals: { test: text, not: true },
  StringEqualsIgnoreCase: { test: (actual, expected) => actual.toLowerCase() === expected.toLowerCase() },
  StringLike: { test: like },
  StringNotLike: { test: like, not: true },
  ArnEquals: { test: like },
  ArnLike: { test: like },
  ArnNotEquals: { test: like, not: true },
  ArnNotLike: { test: like, not: true },
  Bool: { test: (actual, expected) => actual.toLowerCase() === expected.toLowerCase() },
  NumericEquals: { test: number((left, right) => left === right) },
  NumericLessThan: { test: number((left, right) => left < right) },
  NumericLessThanEquals: { test: number((left, right) => left <= right) },
  NumericGreaterThan: { test: number((left, right) => left > right) },
  NumericGreaterThanEquals: { test: number((left, right) => left >= right) },
};

/** Keys whose values the local services really supply. A policy on any other key would silently never match. */
const knownKeys = new Set([
  'aws:securetransport',
  'aws:sourcearn',
  'aws:sourceaccount',
  'aws:principalarn',
  'aws:principalaccount',
  's3:tlsversion',
  's3:prefix',
  's3:delimiter',
  's3:max-keys',
  'dynamodb:leadingkeys',
  'sts:rolesessionname',
]);

interface Operator {
  readonly test: Test;
  readonly not: boolean;
  readonly ifExists: boolean;
  readonly forAll: boolean;
}

const knownIn = 'local/iam/conditions.ts';

/** Throws CONFIG with the name of an operator or key that cannot be evaluated here. */
export function checkConditions(statement: Statement, where: string): void {
  for (const [name, keys] of Object.entries(statement.Condition ?? {})) {
    if (name !== 'Null') parseOperator(name, where);
    for (const key of Object.keys(keys))
      if (!knownKeys.has(key.toLowerCase()))
        throw notKnownHere(`${where}: the local mode does not know the condition key ${key}`, knownIn);
  }
}

export function conditionsHold(statement: Statement, context: RequestContext): boolean {
  return Object.entries(statement.Condition ?? {}).every(([name, keys]) =>
    Object.entries(keys).every(([key, expected]) => holds(name, context[key.toLowerCase()], expected)),
  );
}

function holds(name: string, actual: readonly string[] | undefined, expected: readonly string[]): boolean {
  if (name === 'Null') return (actual === undefined) === (expected[0] === 'true');
  const { test, not, ifExists, forAll } = parseOperator(name, 'policy');
  if (actual === undefined) return ifExists || forAll || not;
  const matches = (value: string) => expected.some((one) => test(value, one)) !== not;
  return forAll ? actual.every(matches) : not ? actual.every(matches) : actual.some(matches);
}

function parseOperator(name: string, where: string): Operator {
  const [, set, base = '', ifExists] = /^(ForAllValues:|ForAnyValue:)?(\w+?)(IfExists)?$/.exec(name) ?? [];
  const operator = operators[base];
  if (!operator)
    throw notKnownHere(`${where}: the local mode does not know the condition operator ${name}`, knownIn);
  return {
    test: operator.test,
    not: operator.not ?? false,
    ifExists: Boolean(ifExists),
    forAll: set === 'ForAllValues:',
  };
}

const compiled = new Map<string, RegExp>();

/** Requests do not leave the machine, which counts as what policies mean by encrypted transport. */
export const transportContext: RequestContext = { 'aws:securetransport': ['true'], 's3:tlsversion': ['1.3'] };

/** IAM's `*` and `?`, everything else as it stands. */
export function wildcard(pattern: string): RegExp {
  let found = compiled.get(pattern);
  if (!found) {
    const escaped = pattern
      .replace(/[.+^${}()|[\]\\]/g, '\\$&')
      .replaceAll('*', '[^]*')
      .replaceAll('?', '[^]');
    found = new RegExp(`^${escaped}$`);
    if (compiled.size > 10_000) compiled.clear();
    compiled.set(pattern, found);
  }
  return found;
}
