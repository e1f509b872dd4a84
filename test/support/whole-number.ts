import { HoldfastError } from '../../core/errors.ts';

/** The value of a script's flag. Throws USAGE where it is none. */
export function wholeNumber(flag: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw new HoldfastError('USAGE', `${flag} ${text} is not a whole number from ${min} to ${max}`);
}
