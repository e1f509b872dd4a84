import { z } from 'zod';
import { commandKinds } from '../command-kinds.ts';
import { limits } from '../limits.ts';
import type { BulkJobItem, BulkTargetItem } from './model.ts';
import { ratePattern, sharePattern, type Share } from './shares.ts';

/** Bulk sends over HTTP: the bodies and answers that core/api.ts has in its own lists. */
export const bulkLimits = {
  targetCount: 10_000,
  concurrency: 500,
  waveCount: 20,
} as const;
export const bulkDefaults = { concurrency: 50, expiresInMs: 3600_000 } as const;

const share = z
  .union([z.number().int().min(1).max(bulkLimits.targetCount), z.string().regex(sharePattern)])
  .transform((value): Share => (/^\d+$/.test(String(value)) ? Number(value) : (value as Share)));
/** `*` stands for any characters. */
const pattern = z.string().min(1).max(80);

export const bulkRequests = {
  createBulkSend: z
    .strictObject({
      kind: z.enum(commandKinds),
      params: z.record(z.string(), z.json()).default({}),
      idempotencyKey: z.string().min(1).max(128).optional(),
      /** One of the three: by id, in the order of the waves; every active gateway; those of them that match. */
      gatewayIds: z
        .array(z.string().regex(/^[\w-]{1,32}$/, 'a gateway’s id'))
        .min(1)
        .max(bulkLimits.targetCount)
        .optional(),
      all: z.literal(true).optional(),
      where: z.strictObject({ name: pattern.optional(), agentVersion: pattern.optional() }).optional(),
      rate: z.string().regex(ratePattern, 'a rate such as 5/s or 100/m').optional(),
      concurrency: z.number().int().min(1).max(bulkLimits.concurrency).default(bulkDefaults.concurrency),
      waves: z.array(share).max(bulkLimits.waveCount).default([]),
      abortAfter: share.optional(),
      whenOffline: z.enum(['queue', 'refuse']).default('queue'),
      expiresInMs: z
        .number()
        .int()
        .min(limits.commandExpiryMinMs)
        .max(limits.commandExpiryMaxMs)
        .default(bulkDefaults.expiresInMs),
    })
    .refine(
      (body) => [body.gatewayIds, body.all, body.where].filter((each) => each !== undefined).length === 1,
      'it takes one of gatewayIds, all and where',
    )
    .refine(
      ({ where }) => where === undefined || Object.keys(where).length > 0,
      'where names a name or an agentVersion',
    )
    .refine(
      ({ waves, abortAfter }) => waves.length === 0 || abortAfter !== undefined,
      'waves come with abortAfter: without it nothing would stop the next wave',
    ),
} as const;
export type CreateBulkSend = z.infer<typeof bulkRequests.createBulkSend>;

export type BulkView = Omit<BulkJobItem, 'gatewayIds' | 'bodyHash' | 'openShard' | 'dueAt' | 'lease'>;
export type BulkTargetView = Omit<BulkTargetItem, 'bulkId'>;
export interface BulkAnswers {
  createBulkSend: { bulk: BulkView };
  listBulkSends: { bulks: BulkView[]; next?: string };
  getBulkSend: { bulk: BulkView };
  listBulkTargets: { targets: BulkTargetView[]; next?: string };
  cancelBulkSend: { bulk: BulkView };
}

/** What people see of a job. */
export function bulkView(job: BulkJobItem): BulkView {
  const { gatewayIds: _ids, bodyHash: _hash, openShard: _shard, dueAt: _due, lease: _lease, ...shown } = job;
  return shown;
}
