import type { z } from 'zod';

type Issue = z.core.$ZodIssue;
const issuesMax = 3;
const shownCharsMax = 60;
const textCharsMax = 500;

/**
 * What a schema found wrong with `input`, in words for whoever wrote it: which field, what was given, what is allowed.
 * One line; the first three faults. `nameOf` says what whoever wrote it calls a field; '' is the whole.
 */
export function plainIssues(error: z.ZodError, input: unknown, whole = 'it', nameOf = dotted): string {
  const sentences = error.issues
    .slice(0, issuesMax)
    .map((issue) => sentence(issue, input, nameOf(issue.path) || whole));
  return [...new Set(sentences)].join('; ').replaceAll('\n', ' ').slice(0, textCharsMax);
}

function sentence(issue: Issue, input: unknown, field: string): string {
  const given = valueAt(input, issue.path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return `there is no ${issue.keys.map((key) => quoted(key)).join(', ')} in ${field}`;
    case 'invalid_type':
      return given === undefined
        ? `${field} is missing`
        : `${field} is ${shown(given)}, not ${kindOf(issue.expected)}`;
    case 'invalid_value': {
      const allowed = issue.values.map((value) => String(value));
      const only = allowed.length > 1 ? `one of ${allowed.join(', ')}` : quoted(allowed[0] ?? '');
      return given === undefined
        ? `${field} is missing; it is ${only}`
        : `${field} is ${shown(given)}, not ${only}`;
    }
    case 'too_small':
      if (given === '') return `${field} is empty`;
      return `${field} ${measure(issue.origin, given)}, ${issue.inclusive ? 'at least' : 'more than'} ${String(issue.minimum)} is allowed`;
    case 'too_big':
      return `${field} ${measure(issue.origin, given)}, ${issue.inclusive ? 'at most' : 'less than'} ${String(issue.maximum)} is allowed`;
    case 'invalid_union':
      return `${field} is ${shown(given)}${ofUnion(issue.errors)}`;
    case 'invalid_key':
      return `${field}: ${issue.issues[0]?.message ?? issue.message}`;
    case 'invalid_format':
      return `${field} is ${shown(given)}, not ${formatOf(issue)}`;
    default:
      return `${field}: ${issue.message}`;
  }
}

/** `plays[0].command.kind`. */
const dotted = (path: readonly PropertyKey[]): string =>
  path
    .map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i > 0 ? '.' : ''}${String(part)}`))
    .join('');

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input;
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}

const quoted = (text: string): string =>
  `"${text.slice(0, shownCharsMax)}${text.length > shownCharsMax ? '…' : ''}"`;

function shown(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

const kinds: Record<string, string> = {
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};
const kindOf = (expected: string): string => kinds[expected] ?? expected;

function measure(origin: string, given: unknown): string {
  if (origin === 'string' && typeof given === 'string') return `has ${given.length} characters`;
  if (Array.isArray(given)) return `has ${given.length} entries`;
  return `is ${shown(given)}`;
}

/** A schema's own words for a pattern say what is allowed; the library's would show the pattern. */
function formatOf(issue: Issue & { code: 'invalid_format' }): string {
  if (issue.format === 'url') return 'a URL';
  return issue.message.startsWith('Invalid ') ? 'of the form that is allowed' : issue.message;
}

/** The words of the alternative that fits by type, where one does. */
function ofUnion(alternatives: readonly (readonly Issue[])[]): string {
  const fitting = alternatives.find((issues) => issues.every(({ code }) => code !== 'invalid_type'));
  return fitting?.[0] ? `: ${fitting[0].message}` : ', which is not of a kind that is allowed';
}
