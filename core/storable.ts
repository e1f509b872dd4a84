import { z } from 'zod';

/**
 * A number that DynamoDB takes and gives back as it was: neither beyond what a double counts exactly nor closer to 0
 * than 1e-130. JSON allows others, and a report with one of them would fail where it is stored, again and again.
 */
export const isStorable = (value: number): boolean =>
  value === 0 || (Math.abs(value) <= Number.MAX_SAFE_INTEGER && Math.abs(value) >= 1e-130);

export const storableNumber = z.number().refine(isStorable, 'a number between 1e-130 and 2^53, or 0');

/** Any JSON that can be stored; how deep it may nest is checked before. Attribute names are never empty. */
export const storableJson = z.json().refine(isStorableJson, 'holds a number or name that cannot be stored');

function isStorableJson(value: unknown): boolean {
  if (typeof value === 'number') return isStorable(value);
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([name, inner]) => name !== '' && isStorableJson(inner));
}
