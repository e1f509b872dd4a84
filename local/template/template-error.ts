import { HoldfastError } from '../../core/errors.ts';

/** What is wrong with a synthesized template; the place to correct it is what the template is made from. */
export const templateError = (
  message: string,
  hint = 'correct it in lib/, and synthesize again',
): HoldfastError => new HoldfastError('CONFIG', message, { hint });

/** What AWS knows and one machine does not. `knownIn` names the file that would have to learn it. */
export const notKnownHere = (message: string, knownIn: string): HoldfastError =>
  templateError(message, `take it out of lib/, or add it to ${knownIn}`);
