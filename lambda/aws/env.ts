import { requireEnv, type EnvName } from '../../core/env.ts';
import { HoldfastError } from '../../core/errors.ts';

/**
 * The variables that a handler declares, by name; CONFIG names the first that is missing. Handlers export the
 * same list as `env`, and a test holds it against what lib/ sets.
 */
export function readEnv<const Names extends readonly EnvName[]>(
  names: Names,
  env: Record<string, string | undefined> = process.env,
): Readonly<Record<Names[number], string>> {
  return Object.fromEntries(names.map((name) => [name, requireEnv(env, name)])) as Record<
    Names[number],
    string
  >;
}

/** A variable's number. Throws CONFIG with its name where it is none. */
export function wholeNumber(name: EnvName, value: string): number {
  if (/^\d{1,9}$/.test(value)) return Number(value);
  throw new HoldfastError('CONFIG', `environment variable ${name} is "${value}"`, {
    hint: 'a whole number is expected',
  });
}
