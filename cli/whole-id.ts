import { HoldfastError } from '../core/errors.ts';
import type { Session } from './program.ts';
import type { ApiClient } from './api-client.ts';
import { allAlerts, allBulks, allCommands } from './all-pages.ts';

/** One of those that may be meant, and what it is, for whoever has to choose. */
interface Candidate {
  readonly id: string;
  readonly about: string;
}

/** Ids of alerts, patterns, commands and bulk sends are 32 hex digits; so many of them say which is meant. */
const prefixCharsMin = 4;
const prefixPattern = /^([0-9a-f]{1,31})…?$/;
/** Of those that begin alike. */
const namedMax = 5;

/**
 * The id that begins as `given` does. A whole id is taken as it stands, unseen, and so is what is none: the API says
 * what is wrong with it. `lists` are asked one after the other until one has it. Throws USAGE, NOT_FOUND.
 */
export async function wholeId(
  given: string,
  { what, look, lists }: { what: string; look: string; lists: (() => Promise<Candidate[]>)[] },
): Promise<string> {
  const prefix = prefixPattern.exec(given)?.[1];
  if (prefix === undefined) return given;
  const hint = `\`${look}\` shows them`;
  if (prefix.length < prefixCharsMin)
    throw new HoldfastError('USAGE', `${prefix} is too short to say which ${what} is meant`, {
      hint: `give ${prefixCharsMin} characters of it or more; ${hint}`,
    });
  for (const list of lists) {
    const found = (await list()).filter(({ id }) => id.startsWith(prefix));
    const [only] = found;
    if (only && found.length === 1) return only.id;
    if (only) throw ambiguous(prefix, what, found);
  }
  throw new HoldfastError('NOT_FOUND', `there is no ${what} that begins with ${prefix}`, { hint });
}

function ambiguous(prefix: string, what: string, found: readonly Candidate[]): HoldfastError {
  const named = found.slice(0, namedMax).map(({ id, about }) => `${id} (${about})`);
  const more = found.length > namedMax ? [`${found.length - namedMax} more`] : [];
  return new HoldfastError('USAGE', `${found.length} of the ${what}s begin with ${prefix}`, {
    hint: `give more characters: ${[...named, ...more].join(', ')}`,
  });
}

/** Open alerts come first: of the others there may be many. */
export const wholeAlertKey = ({ api, toType }: Session, given: string): Promise<string> =>
  wholeId(given, {
    what: 'alert',
    look: toType('holdfast alerts list --all'),
    lists: [() => alertCandidates(api, 'open'), () => alertCandidates(api, 'all')],
  });

const alertCandidates = async (api: ApiClient, state: 'open' | 'all'): Promise<Candidate[]> =>
  (await allAlerts(api, state)).map(({ alertKey, conditionId, component, gatewayId }) => ({
    id: alertKey,
    about: [conditionId, component, gatewayId && `of ${gatewayId}`].filter(Boolean).join(' '),
  }));

export const wholeCommandId = ({ api, toType }: Session, gatewayId: string, given: string): Promise<string> =>
  wholeId(given, {
    what: 'command',
    look: toType(`holdfast commands list ${gatewayId}`),
    lists: [
      async () =>
        (await allCommands(api, gatewayId)).map(({ commandId, kind, state }) => ({
          id: commandId,
          about: `${kind}, ${state}`,
        })),
    ],
  });

export const wholeBulkId = ({ api, toType }: Session, given: string): Promise<string> =>
  wholeId(given, {
    what: 'bulk send',
    look: toType('holdfast bulk list'),
    lists: [
      async () =>
        (await allBulks(api)).map(({ bulkId, kind, state }) => ({ id: bulkId, about: `${kind}, ${state}` })),
    ],
  });
