import { HoldfastError } from '../../core/errors.ts';

/** The parts of a `next` that a list answered, as the groups of `form`; none where the first page is asked for. */
export function cursorOf(next: string | undefined, form: RegExp): [string?, string?] {
  if (next === undefined) return [];
  const match = form.exec(next);
  if (!match) throw new HoldfastError('INVALID_INPUT', 'next is not one that a list answered');
  return [match[1], match[2]];
}
