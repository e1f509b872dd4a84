import { createHash } from 'node:crypto';
import { canonicalJson } from '../canonical-json.ts';
import { commandKinds, commandSpecs, isCommandKind, type CommandKind } from '../command-kinds.ts';
import { HoldfastError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { CommandItem, Principal } from '../model.ts';
import { dueAt } from './states.ts';
import { plainIssues } from '../plain-issues.ts';

export const commandShards = 8;
export const defaultExpiryMs = 24 * 3600_000;

export interface Submission {
  kind: string;
  params: Record<string, unknown>;
  whenOffline: 'queue' | 'refuse';
  expiresInMs?: number;
  cause?: CommandItem['cause'];
}

/** The kind and its parameters, checked. Throws INVALID_INPUT or TOO_LARGE, naming the field. */
export function checkedParams(
  kind: string,
  params: unknown,
): { kind: CommandKind; params: Record<string, unknown> } {
  if (!isCommandKind(kind))
    throw new HoldfastError('INVALID_INPUT', `no command of kind "${kind.slice(0, 40)}"`, {
      hint: `kinds: ${commandKinds.join(', ')}`,
    });
  const sizeBytes = Buffer.byteLength(JSON.stringify(params) ?? '');
  if (sizeBytes > limits.commandBodyBytes)
    throw new HoldfastError('TOO_LARGE', `parameters of ${kind} have ${sizeBytes} bytes`, {
      hint: `at most ${limits.commandBodyBytes} bytes; larger data goes through S3`,
    });
  const parsed = commandSpecs[kind].params.safeParse(params);
  if (!parsed.success)
    throw new HoldfastError('INVALID_INPUT', `parameters of ${kind}: ${plainIssues(parsed.error, params)}`, {
      hint: `${kind} takes ${Object.keys(commandSpecs[kind].params.shape).join(', ') || 'no parameters'}`,
    });
  return { kind, params: parsed.data };
}

/** Equal for equal requests: a repeated submit with the same idempotency key finds the first one's command. */
export const commandIdOf = (tenantId: string, gatewayId: string, idempotencyKey: string): string =>
  hash([tenantId, gatewayId, idempotencyKey]).slice(0, 32);

/** Hash of what a command does: the same idempotency key with another body is a conflict. */
export const bodyHashOf = (kind: CommandKind, params: Record<string, unknown>): string =>
  hash([kind, params]);

/** A new command, QUEUED; `openSeq` is the gateway's command counter. */
export function newCommand(
  submission: Submission,
  context: {
    gatewayId: string;
    tenantId: string;
    idempotencyKey: string;
    openSeq: number;
    submittedBy: Principal;
    viaCellId?: string;
    at: number;
  },
): CommandItem {
  const { kind, params } = checkedParams(submission.kind, submission.params);
  const { gatewayId, tenantId, openSeq, submittedBy, viaCellId, at } = context;
  const commandId = commandIdOf(tenantId, gatewayId, context.idempotencyKey);
  const item: CommandItem = {
    gatewayId,
    commandId,
    tenantId,
    kind,
    params,
    bodyHash: bodyHashOf(kind, params),
    lane: laneOf(kind, params),
    state: 'QUEUED',
    attempt: 0,
    version: 1,
    openSeq,
    openShard: String(Number.parseInt(hash(gatewayId).slice(0, 8), 16) % commandShards),
    whenOffline: submission.whenOffline,
    createdAt: at,
    expiresAt: at + (submission.expiresInMs ?? defaultExpiryMs),
    timeoutMs: commandSpecs[kind].timeoutMs,
    submittedBy,
    ...(viaCellId ? { viaCellId } : {}),
    ...(submission.cause ? { cause: submission.cause } : {}),
    audit: [{ at, state: 'QUEUED', note: `by ${submittedBy.kind} ${submittedBy.id}`.slice(0, 200) }],
  };
  return { ...item, dueAt: dueAt(item, at) };
}

/** The table's specs are a union of functions; the kind picks the one that fits these parameters. */
const laneOf = (kind: CommandKind, params: Record<string, unknown>): string =>
  (commandSpecs[kind].lane as (of: Record<string, unknown>) => string)(params);

const hash = (value: unknown): string => createHash('sha256').update(canonicalJson(value)).digest('hex');
