import { HoldfastError } from '../../core/errors.ts';

/** The error of something that is damaged; throws what is none. */
export function asCorrupt(thrown: unknown): HoldfastError {
  if (thrown instanceof HoldfastError && thrown.code === 'CORRUPT') return thrown;
  throw thrown;
}
