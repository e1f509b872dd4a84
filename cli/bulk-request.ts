import { readFileSync } from 'node:fs';
import { bulkLimits } from '../core/bulk/api.ts';
import { sharePattern } from '../core/bulk/shares.ts';
import { HoldfastError } from '../core/errors.ts';
import { expiryRange } from './command-commands.ts';
import { readParams } from './command-params.ts';
import { parseDurationMs } from './duration.ts';
import { knownKind } from './kinds-command.ts';
import { requireEachOnce } from './named-values.ts';
import type { CliDeps } from './program.ts';

/** The flags of `bulk send`. */
export interface BulkFlags {
  param: string[];
  params?: string;
  all?: boolean;
  gateways?: string;
  where: string[];
  rate?: string;
  concurrency?: string;
  waves?: string;
  abortAfter?: string;
  expires?: string;
  refuseOffline?: boolean;
  idempotencyKey?: string;
  wait?: boolean;
  timeout: string;
}
/** The body that the flags ask for. Throws USAGE, INVALID_INPUT, TOO_LARGE, naming the flag. */
export async function bulkBody(deps: CliDeps, kind: string, flags: BulkFlags): Promise<object> {
  const known = knownKind(kind);
  if (flags.params === '-' && flags.gateways === '-')
    throw new HoldfastError('USAGE', '--params and --gateways cannot both be standard input', {
      hint: 'name a file for --gateways',
    });
  const shareOf = (flag: string, text: string): number | string => {
    if (!sharePattern.test(text))
      throw new HoldfastError('USAGE', `${flag} "${text}" is no number of gateways`, {
        hint: 'write it like 3 or 5%',
      });
    return text.endsWith('%') ? text : Number(text);
  };
  return {
    kind: known,
    params: await readParams(deps, known, flags),
    ...(await selectionOf(deps, flags)),
    rate: flags.rate,
    concurrency: flags.concurrency === undefined ? undefined : countOf('--concurrency', flags.concurrency),
    waves: flags.waves?.split(',').map((each) => shareOf('--waves', each.trim())),
    abortAfter: flags.abortAfter === undefined ? undefined : shareOf('--abort-after', flags.abortAfter),
    whenOffline: flags.refuseOffline ? 'refuse' : 'queue',
    idempotencyKey: flags.idempotencyKey,
    expiresInMs:
      flags.expires === undefined ? undefined : parseDurationMs('--expires', flags.expires, expiryRange),
  };
}

const flagOf: Readonly<Record<string, string>> = {
  abortAfter: '--abort-after',
  concurrency: '--concurrency',
  expiresInMs: '--expires',
  gatewayIds: '--gateways',
  idempotencyKey: '--idempotency-key',
  rate: '--rate',
  waves: '--waves',
  where: '--where',
};

/** What the API refused, in the words of who typed flags: names that are plain words only where a message begins. */
export function inFlags(thrown: unknown): unknown {
  if (!(thrown instanceof HoldfastError) || thrown.code !== 'INVALID_INPUT') return thrown;
  const message = thrown.message.replace(
    /^(?:concurrency|rate|waves|where)\b|\b(?:abortAfter|expiresInMs|gatewayIds|idempotencyKey)\b/g,
    (name) => flagOf[name] ?? name,
  );
  return new HoldfastError(thrown.code, message, { hint: thrown.hint, cause: thrown.cause });
}

function countOf(flag: string, text: string): number {
  if (!/^\d{1,6}$/.test(text))
    throw new HoldfastError('USAGE', `${flag} "${text}" is no number`, { hint: `write it like ${flag} 20` });
  return Number(text);
}

async function selectionOf(deps: CliDeps, { all, gateways, where }: BulkFlags): Promise<object> {
  if ([all, gateways !== undefined, where.length > 0].filter(Boolean).length !== 1)
    throw new HoldfastError('USAGE', 'say which gateways, in one way', {
      hint: 'one of --all, --gateways FILE and --where name=…',
    });
  if (all) return { all: true };
  if (gateways === undefined) return { where: whereOf(where) };
  const text = gateways === '-' ? await deps.readStdin() : readList(gateways);
  const gatewayIds = text.split(/\s+/).filter((id) => id !== '');
  if (gatewayIds.length === 0)
    throw new HoldfastError('INVALID_INPUT', `${gateways} names no gateway`, { hint: 'write one id a line' });
  if (gatewayIds.length > bulkLimits.targetCount)
    throw new HoldfastError('TOO_LARGE', `${gateways} names ${gatewayIds.length} gateways`, {
      hint: `at most ${bulkLimits.targetCount} at once; split the list`,
    });
  return { gatewayIds };
}

function whereOf(texts: readonly string[]): Record<string, string> {
  const pairs = texts.map(wherePair);
  requireEachOnce(
    '--where',
    pairs.map(([name]) => name),
    'each name once, with * for any characters; for several gateways by id --gateways FILE',
  );
  return Object.fromEntries(pairs);
}

function wherePair(pair: string): [string, string] {
  const at = pair.indexOf('=');
  const name = pair.slice(0, at);
  if (at < 1 || (name !== 'name' && name !== 'agentVersion'))
    throw new HoldfastError('USAGE', `--where "${pair}" is neither name=… nor agentVersion=…`, {
      hint: '--where name=oslo-* or --where agentVersion=0.1.0',
    });
  return [name, pair.slice(at + 1)];
}

function readList(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new HoldfastError('NOT_FOUND', `${path} cannot be read`, {
      hint: 'name a file with one id a line',
      cause,
    });
  }
}
