import { bodyHashOf, checkedParams, commandIdOf } from '../commands/submission.ts';
import type { Principal } from '../model.ts';
import type { RequestSource } from '../audit/audit-item.ts';
import type { CreateBulkSend } from './api.ts';
import type { BulkJobItem, BulkSelection } from './model.ts';
import { openShard } from './rules.ts';
import { rateOf } from './shares.ts';

/** A new job, PREPARING. Throws INVALID_INPUT, TOO_LARGE for its command, naming the field. */
export function newBulkJob(
  body: CreateBulkSend,
  context: {
    tenantId: string;
    idempotencyKey: string;
    submittedBy: Principal;
    from?: RequestSource;
    at: number;
  },
): BulkJobItem {
  const { kind, params } = checkedParams(body.kind, body.params);
  const { idempotencyKey: _key, ...asked } = body;
  const gatewayIds = body.gatewayIds && [...new Set(body.gatewayIds)];
  const rate = body.rate === undefined ? undefined : rateOf(body.rate);
  const { tenantId, submittedBy, from, at } = context;
  return {
    // A bulk send's id comes from the tenant and the key alone, as if it were a command of a gateway named ''.
    bulkId: commandIdOf(tenantId, '', context.idempotencyKey),
    tenantId,
    kind,
    params,
    select: selectionOf(body, gatewayIds),
    ...(gatewayIds ? { gatewayIds } : {}),
    bodyHash: bodyHashOf(kind, { ...asked, params }),
    ...(rate ? { rate } : {}),
    concurrency: body.concurrency,
    waves: body.waves,
    ...(body.abortAfter === undefined ? {} : { abortAfter: body.abortAfter }),
    whenOffline: body.whenOffline,
    state: 'PREPARING',
    counts: {},
    submittedBy,
    ...(from ? { from } : {}),
    createdAt: at,
    expiresAt: at + body.expiresInMs,
    openShard,
    dueAt: at,
  };
}

function selectionOf({ where }: CreateBulkSend, gatewayIds: readonly string[] | undefined): BulkSelection {
  if (gatewayIds) return { listedCount: gatewayIds.length };
  return where ? { where } : { all: true };
}

/** The key under which a job submits to each gateway: submitted again after a crash, it is the same command. */
export const bulkKey = (bulkId: string): string => `bulk/${bulkId}`;
export const bulkCommandId = ({ tenantId, bulkId }: BulkJobItem, gatewayId: string): string =>
  commandIdOf(tenantId, gatewayId, bulkKey(bulkId));
