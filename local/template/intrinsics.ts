import type { HoldfastError } from '../../core/errors.ts';
import { notKnownHere, templateError } from './template-error.ts';

/** What a template's functions can ask for. Each answers or throws a HoldfastError that names what is missing. */
export interface Scope {
  readonly stackName: string;
  ref(name: string): unknown;
  getAtt(logicalId: string, attribute: string): unknown;
  importValue(exportName: string): unknown;
  condition(name: string): boolean;
  findInMap(map: string, top: string, second: string): unknown;
}

/** AWS::NoValue: the property or element disappears. */
export const noValue = Symbol('AWS::NoValue');

type Evaluate = (argument: unknown, scope: Scope) => unknown;

/** Resolves every intrinsic function in `value`; an unknown `Fn::` stops with its name. */
export function resolve(value: unknown, scope: Scope): unknown {
  if (Array.isArray(value))
    return value.map((item) => resolve(item, scope)).filter((item) => item !== noValue);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const [only] = entries;
  if (only && entries.length === 1) {
    const [name, argument] = only;
    const evaluate = functions[name];
    if (evaluate) return evaluate(argument, scope);
    if (name.startsWith('Fn::')) throw unsupported(scope, name);
  }
  const resolved = entries.map(([key, item]) => [key, resolve(item, scope)] as const);
  return Object.fromEntries(resolved.filter(([, item]) => item !== noValue));
}

/** Resolves and insists on text; numbers and booleans become their text, as CloudFormation does. */
export function resolveText(value: unknown, scope: Scope, what: string): string {
  const resolved = resolve(value, scope);
  if (typeof resolved === 'string') return resolved;
  if (typeof resolved === 'number' || typeof resolved === 'boolean') return String(resolved);
  throw templateError(`${scope.stackName}: ${what} must be text, got ${JSON.stringify(resolved)}`);
}

const functions: Record<string, Evaluate> = {
  Ref: (argument, scope) => scope.ref(String(argument)),
  Condition: (argument, scope) => scope.condition(String(argument)),
  'Fn::GetAtt': (argument, scope) => {
    const [logicalId, ...attribute] = Array.isArray(argument)
      ? argument.map(String)
      : String(argument).split('.');
    return scope.getAtt(logicalId ?? '', attribute.join('.'));
  },
  'Fn::Join': (argument, scope) => {
    const [separator, items] = list(argument, 2, scope, 'Fn::Join');
    const resolved = resolve(items, scope);
    if (!Array.isArray(resolved)) throw malformed(scope, 'Fn::Join');
    return resolved.map((item) => resolveText(item, scope, 'an element of Fn::Join')).join(String(separator));
  },
  'Fn::Sub': (argument, scope) => {
    const [text, variables] = Array.isArray(argument) ? argument : [argument, {}];
    const own = (variables ?? {}) as Record<string, unknown>;
    return String(text).replace(/\$\{(!?)([^}]+)\}/g, (_match, literal: string, name: string) => {
      if (literal) return '${' + name + '}';
      if (name in own) return resolveText(own[name], scope, `\${${name}}`);
      const [logicalId = '', ...attribute] = name.split('.');
      const found = attribute.length > 0 ? scope.getAtt(logicalId, attribute.join('.')) : scope.ref(name);
      return resolveText(found, scope, `\${${name}}`);
    });
  },
  'Fn::ImportValue': (argument, scope) => scope.importValue(resolveText(argument, scope, 'Fn::ImportValue')),
  'Fn::Select': (argument, scope) => {
    const [index, items] = list(resolve(argument, scope), 2, scope, 'Fn::Select');
    const found = Array.isArray(items) ? items[Number(index)] : undefined;
    if (found === undefined) throw malformed(scope, 'Fn::Select');
    return found;
  },
  'Fn::Split': (argument, scope) => {
    const [separator, text] = list(argument, 2, scope, 'Fn::Split');
    return resolveText(text, scope, 'Fn::Split').split(String(separator));
  },
  'Fn::FindInMap': (argument, scope) => {
    const [map, top, second] = list(resolve(argument, scope), 3, scope, 'Fn::FindInMap').map(String);
    return scope.findInMap(map ?? '', top ?? '', second ?? '');
  },
  'Fn::If': (argument, scope) => {
    const [condition, whenTrue, whenFalse] = list(argument, 3, scope, 'Fn::If');
    return resolve(scope.condition(String(condition)) ? whenTrue : whenFalse, scope);
  },
  'Fn::Equals': (argument, scope) => {
    const [left, right] = list(resolve(argument, scope), 2, scope, 'Fn::Equals');
    return JSON.stringify(left) === JSON.stringify(right);
  },
  'Fn::And': (argument, scope) => (resolve(argument, scope) as unknown[]).every(Boolean),
  'Fn::Or': (argument, scope) => (resolve(argument, scope) as unknown[]).some(Boolean),
  'Fn::Not': (argument, scope) => !(resolve(argument, scope) as unknown[])[0],
};

function list(argument: unknown, count: number, scope: Scope, name: string): unknown[] {
  if (!Array.isArray(argument) || argument.length !== count) throw malformed(scope, name);
  return argument;
}

function malformed(scope: Scope, name: string): HoldfastError {
  return templateError(`${scope.stackName}: malformed ${name}`);
}

function unsupported(scope: Scope, name: string): HoldfastError {
  return notKnownHere(
    `${scope.stackName}: the local mode does not know ${name}`,
    'local/template/intrinsics.ts',
  );
}
