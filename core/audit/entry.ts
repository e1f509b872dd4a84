import { createHash } from 'node:crypto';
import { canonicalJson } from '../canonical-json.ts';
import type { CommandItem } from '../model.ts';
import type { AuditItem } from './audit-item.ts';

/** Larger parameters are left out of an entry; their hash stays. */
export const auditedParamsBytesMax = 4 * 1024;
const textLengthMax = 200;

/** What an entry says; its key follows from it. `about`: a request's or a command's id, in the key. */
export type AuditFacts = Omit<AuditItem, 'entryKey' | 'gatewayKey'> & { about: string };

/**
 * The entry with its keys. The key holds a hash of all that the entry says: the same fact written twice is one entry,
 * and nobody can keep a true entry out by taking its key first.
 */
export function auditEntry({ about, ...facts }: AuditFacts): AuditItem {
  const said = withoutUndefined(facts);
  const { tenantId, gatewayId, at, step } = facts;
  return {
    ...said,
    entryKey: [timeKey(at), about, step === 'asked' ? 0 : 1, hashOf(said)].join('.'),
    ...(gatewayId === undefined ? {} : { gatewayKey: gatewayKeyOf(tenantId, gatewayId) }),
  };
}

/** Times as keys: all of the same length, so that they sort as text. */
export const timeKey = (at: number): string => String(Math.trunc(at)).padStart(15, '0');
/** The key's form: what a list's `next` may be. */
export const entryKeyForm = /^(\d{15}\.[\w-]{1,64}\.[01]\.[0-9a-f]{32})$/;

/** The tenant stands in it: who names another's gateway writes into no list of that gateway. */
export const gatewayKeyOf = (tenantId: string, gatewayId: string): string => `${tenantId}/${gatewayId}`;

/** Of a command that is about to be stored: who sent what, from where. */
export const submitEntry = (item: CommandItem, from: AuditItem['from']): AuditItem =>
  auditEntry({
    ...ofCommand(item),
    at: item.createdAt,
    action: 'command.submit',
    from,
    details: {
      ...whatOf(item),
      ...(Buffer.byteLength(canonicalJson(item.params)) <= auditedParamsBytesMax
        ? { params: item.params }
        : { paramsLeftOut: true }),
      whenOffline: item.whenOffline,
      expiresAt: item.expiresAt,
      cause: item.cause,
    },
    outcome: { state: 'SUBMITTED' },
  });

/** Of a command in its final state: what became of it. Made from the item alone, so that anyone can make it again. */
export const finalEntry = (item: CommandItem): AuditItem =>
  auditEntry({
    ...ofCommand(item),
    at: item.audit.at(-1)?.at ?? item.createdAt,
    action: 'command.final',
    details: {
      ...whatOf(item),
      attempts: item.attempt,
      submittedAt: item.createdAt,
      ackedAt: item.ackedAt,
      startedAt: item.startedAt,
      endedAt: item.endedAt,
      transitions: item.audit.map(({ note, ...entry }) => ({
        ...entry,
        ...(note === undefined ? {} : { note: note.slice(0, textLengthMax) }),
      })),
    },
    outcome: { state: item.state, code: item.outcome?.error?.code.slice(0, textLengthMax) },
  });

const ofCommand = ({ tenantId, gatewayId, commandId, submittedBy }: CommandItem) => ({
  tenantId,
  gatewayId,
  about: commandId,
  step: 'ended' as const,
  actor: submittedBy,
  subject: { commandId },
});

const whatOf = ({ kind, bodyHash, viaCellId }: CommandItem) => ({ kind, bodyHash, cellId: viaCellId });

/** 128 bits of it are enough to find no second text with the same. */
const hashOf = (said: object): string =>
  createHash('sha256').update(canonicalJson(said)).digest('hex').slice(0, 32);

/** As the store gives it back: what is undefined is not there, at any depth. */
const withoutUndefined = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
