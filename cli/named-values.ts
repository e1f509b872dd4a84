import { HoldfastError } from '../core/errors.ts';

/** `name=value` as it is typed behind a flag that may be repeated. Throws USAGE, naming the flag and the `example`. */
export function namedValue(flag: string, text: string, example: string): [name: string, value: string] {
  const at = text.indexOf('=');
  if (at < 1)
    throw new HoldfastError('USAGE', `${flag} "${text}" is not name=value`, { hint: `${flag} ${example}` });
  return [text.slice(0, at), text.slice(at + 1)];
}

/** Of two values for one name nobody knows which one is meant. Throws USAGE. */
export function requireEachOnce(flag: string, names: readonly string[], hint: string): void {
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) throw new HoldfastError('USAGE', `${flag} ${twice}=… is there twice`, { hint });
}
