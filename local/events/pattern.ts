import type { HoldfastError } from '../../core/errors.ts';
import { notKnownHere } from '../template/template-error.ts';

/** EventBridge event patterns: objects nest, arrays list alternatives, objects in arrays are comparisons. */
type Json = unknown;

const comparisons: Record<string, (value: Json, argument: Json) => boolean> = {
  prefix: (value, argument) => typeof value === 'string' && value.startsWith(String(argument)),
  suffix: (value, argument) => typeof value === 'string' && value.endsWith(String(argument)),
  'equals-ignore-case': (value, argument) =>
    typeof value === 'string' && value.toLowerCase() === String(argument).toLowerCase(),
  'anything-but': (value, argument) => anythingBut(value, argument),
  numeric: (value, argument) => numeric(value, argument as Json[]),
};

const numericOperators: Record<string, (left: number, right: number) => boolean> = {
  '=': (left, right) => left === right,
  '<': (left, right) => left < right,
  '<=': (left, right) => left <= right,
  '>': (left, right) => left > right,
  '>=': (left, right) => left >= right,
};

/** Throws CONFIG with the name of a comparison that the local mode does not have. */
export function checkPattern(pattern: Json, where: string): void {
  if (Array.isArray(pattern)) {
    for (const item of pattern) {
      if (typeof item !== 'object' || item === null) continue;
      const [name] = Object.keys(item);
      if (name !== 'exists' && !(name && name in comparisons)) throw unknown(where, name);
      if (name === 'anything-but') checkAnythingBut((item as Record<string, Json>)[name], where);
    }
    return;
  }
  if (typeof pattern !== 'object' || pattern === null) throw unknown(where, JSON.stringify(pattern));
  for (const [key, value] of Object.entries(pattern)) {
    if (key.startsWith('$')) throw unknown(where, key);
    checkPattern(value, where);
  }
}

function checkAnythingBut(argument: Json, where: string): void {
  if (typeof argument !== 'object' || argument === null || Array.isArray(argument)) return;
  const [name] = Object.keys(argument);
  if (name !== 'prefix' && name !== 'suffix') throw unknown(where, `anything-but ${name}`);
}

function unknown(where: string, what: string | undefined): HoldfastError {
  return notKnownHere(
    `${where}: the local mode does not know ${what} in an event pattern`,
    'local/events/pattern.ts',
  );
}

export function matchesPattern(pattern: Json, event: Json): boolean {
  const fields = Object(event) === event ? (event as Record<string, Json>) : {};
  return Object.entries(pattern as Record<string, Json>).every(([key, wanted]) =>
    Array.isArray(wanted) ? matchesAny(wanted, fields[key]) : matchesNested(wanted, fields[key]),
  );
}

function matchesNested(pattern: Json, value: Json): boolean {
  if (Array.isArray(value)) return value.some((item) => matchesPattern(pattern, item));
  return matchesPattern(pattern, value);
}

function matchesAny(alternatives: readonly Json[], value: Json): boolean {
  return alternatives.some((alternative) => {
    if (typeof alternative === 'object' && alternative !== null && 'exists' in alternative)
      return alternative.exists === (value !== undefined);
    if (value === undefined) return false;
    return [value].flat().some((one) => matchesOne(alternative, one));
  });
}

function matchesOne(alternative: Json, value: Json): boolean {
  if (typeof alternative !== 'object' || alternative === null) return alternative === value;
  return Object.entries(alternative).every(
    ([name, argument]) => comparisons[name]?.(value, argument) ?? false,
  );
}

function anythingBut(value: Json, argument: Json): boolean {
  if (typeof argument === 'object' && argument !== null && !Array.isArray(argument))
    return !matchesOne(argument, value);
  return ![argument].flat().includes(value as never);
}

function numeric(value: Json, argument: readonly Json[]): boolean {
  if (typeof value !== 'number') return false;
  for (let index = 0; index + 1 < argument.length; index += 2) {
    const compare = numericOperators[String(argument[index])];
    if (!compare?.(value, Number(argument[index + 1]))) return false;
  }
  return true;
}
