import { HoldfastError } from '../core/errors.ts';
import { didYouMean } from '../core/nearest-names.ts';

/** What the flag says, where it is one of the names. Throws USAGE that says which are near, else which there are. */
export function knownName(flag: string, given: string, names: readonly string[]): string {
  if (names.includes(given)) return given;
  throw new HoldfastError('USAGE', `${flag} "${given.slice(0, 64)}" is unknown`, {
    hint: didYouMean(given, names, `it is one of ${names.join(', ')}`),
  });
}
