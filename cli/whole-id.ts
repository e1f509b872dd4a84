import { HoldfastError } from '../core/errors.ts';
import type { Session } from './program.ts';
import type { ApiClient } from './api-client.ts';
import { allAlerts, allBulks, allCommands, allGateways } from './all-pages.ts';

/** One of those that may be meant, and what it is, for whoever has to choose. */
interface Candidate {
  readonly id: string;
  readonly about: string;
}

/** Ids of alerts, patterns, commands and bulk sends are 32 hex digits; so many of them say which is meant. */
const prefixCharsMin = 4;
const prefixPattern = /^([0-9a-f]{1,31})…?$/;
/** Those of gateways are `gw-` and 20 of them. */
const gatewayPrefixPattern = /^(?:gw-)?([0-9a-f]{4,19})…?$/;
/** Of those that begin alike. */
const namedMax = 5;
interface Wanted {
  what: string;
  /** What shows them all. */
  look: string;
  /** Asked one after the other until one has it. */
  lists: (() => Promise<Candidate[]>)[];
}

/**
 * The id that begins as `given` does. A whole id is taken as it stands, unseen, and so is what is none: the API says
 * what is wrong with it. Throws USAGE, NOT_FOUND.
 */
export async function wholeId(given: string, wanted: Wanted): Promise<string> {
  const prefix = prefixPattern.exec(given)?.[1];
  if (prefix === undefined) return given;
  if (prefix.length < prefixCharsMin)
    throw new HoldfastError('USAGE', `${prefix} is too short to say which ${wanted.what} is meant`, {
      hint: `give ${prefixCharsMin} characters of it or more; ${hintOf(wanted)}`,
    });
  return onlyOne(prefix, wanted);
}

const hintOf = ({ look }: Wanted): string => `\`${look}\` shows them`;

async function onlyOne(prefix: string, wanted: Wanted): Promise<string> {
  const { what, lists } = wanted;
  for (const list of lists) {
    const found = (await list()).filter(({ id }) => id.startsWith(prefix));
    const [only] = found;
    if (only && found.length === 1) return only.id;
    if (only) throw ambiguous(prefix, what, found);
  }
  throw new HoldfastError('NOT_FOUND', `there is no ${what} that begins with ${prefix}`, {
    hint: hintOf(wanted),
  });
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

/** Also without its `gw-`. Revoked ones come last. */
export async function wholeGatewayId({ api, toType }: Session, given: string): Promise<string> {
  const prefix = gatewayPrefixPattern.exec(given)?.[1];
  if (prefix === undefined) return given;
  const listed = (status: 'current' | 'all') => async (): Promise<Candidate[]> =>
    (await allGateways(api, status)).map(({ gatewayId, name }) => ({
      id: gatewayId,
      about: name ?? 'without a name',
    }));
  return onlyOne(`gw-${prefix}`, {
    what: 'gateway',
    look: toType('holdfast gateways list --all'),
    lists: [listed('current'), listed('all')],
  });
}

export async function wholeGatewayIds(session: Session, given: readonly string[]): Promise<string[]> {
  const ids: string[] = [];
  for (const each of given) ids.push(await wholeGatewayId(session, each));
  return ids;
}
