import { bulkView, type BulkAnswers } from '../../core/bulk/api.ts';
import type { BulkJobItem } from '../../core/bulk/model.ts';
import { cancel } from '../../core/bulk/rules.ts';
import { newBulkJob } from '../../core/bulk/submission.ts';
import { HoldfastError } from '../../core/errors.ts';
import { typed } from '../../core/typed.ts';
import { cursorOf } from '../api/cursor.ts';
import type { ApiRequest } from '../aws/http-handler.ts';
import type { Clock } from '../commands/ports.ts';
import type { BulkJobStore, BulkTargetStore } from './ports.ts';

export interface BulkSendsDeps {
  readonly jobs: BulkJobStore;
  readonly targets: BulkTargetStore;
  readonly clock: Clock;
}
const jobPageCount = 50;
const targetPageCount = 1_000;

/** Stores the job, whole, in one write; the runner does the rest. The same idempotency key answers with the same job. */
export async function createBulkSend(
  { jobs, clock }: BulkSendsDeps,
  { tenantId, principal, body, from, log }: ApiRequest<'createBulkSend'>,
): Promise<BulkAnswers['createBulkSend']> {
  const idempotencyKey = body.idempotencyKey ?? clock.newId();
  const at = clock.now();
  const job = newBulkJob(body, { tenantId, idempotencyKey, submittedBy: principal, from, at });
  const stored = await jobs.create(job);
  if (stored.bodyHash !== job.bodyHash)
    throw new HoldfastError('CONFLICT', `the idempotency key belongs to another bulk send: ${job.bulkId}`, {
      hint: 'a key stands for one bulk send with one set of parameters; take a new key',
    });
  log('info', 'bulk.created', { tenantId, bulkId: job.bulkId, kind: job.kind });
  return { bulk: bulkView(stored) };
}

export async function listBulkSends(
  { jobs }: BulkSendsDeps,
  { tenantId, query }: ApiRequest<'listBulkSends'>,
): Promise<BulkAnswers['listBulkSends']> {
  const page = await jobs.list(tenantId, { countMax: jobPageCount, next: query['next'] });
  return { bulks: page.jobs.map(bulkView), ...(page.next ? { next: page.next } : {}) };
}

export async function getBulkSend(
  deps: BulkSendsDeps,
  request: Pick<ApiRequest<'getBulkSend'>, 'tenantId' | 'params'>,
): Promise<BulkAnswers['getBulkSend']> {
  return { bulk: bulkView(await requireJob(deps, request)) };
}

export async function listBulkTargets(
  deps: BulkSendsDeps,
  request: ApiRequest<'listBulkTargets'>,
): Promise<BulkAnswers['listBulkTargets']> {
  const { bulkId } = await requireJob(deps, request);
  const [after] = cursorOf(request.query['next'], /^([\w-]{1,64})$/);
  const rows = await deps.targets.page(bulkId, { countMax: targetPageCount, after });
  const last = rows.length === targetPageCount ? rows.at(-1) : undefined;
  const targets = rows.map(({ bulkId: _bulk, ...shown }) => shown);
  return { targets, ...(last ? { next: last.gatewayId } : {}) };
}

/** Nothing new starts from now on. Repeatable; CONFLICT where the job ended by itself. */
export async function cancelBulkSend(
  deps: BulkSendsDeps,
  request: ApiRequest<'cancelBulkSend'>,
): Promise<BulkAnswers['cancelBulkSend']> {
  const { bulkId } = await requireJob(deps, request);
  const { kind, id } = request.principal;
  const canceled = await deps.jobs.update(bulkId, cancel(`canceled by ${kind} ${id}`.slice(0, 200)));
  if (canceled) request.log('info', 'bulk.cancel', { bulkId });
  const job = canceled ?? (await requireJob(deps, request));
  if (job.state === 'SUCCEEDED' || job.state === 'PARTIAL')
    throw new HoldfastError('CONFLICT', `bulk send ${bulkId} is ${job.state}`, {
      hint: 'only a bulk send that is not over can be canceled',
    });
  return { bulk: bulkView(job) };
}

/** Another tenant's does not exist. */
async function requireJob(
  { jobs }: BulkSendsDeps,
  { tenantId, params }: Pick<ApiRequest<'getBulkSend'>, 'tenantId' | 'params'>,
): Promise<BulkJobItem> {
  const bulkId = params['bulkId'] ?? '';
  const job = bulkId ? await jobs.get(bulkId) : undefined;
  if (job?.tenantId === tenantId) return job;
  throw new HoldfastError('NOT_FOUND', `no bulk send ${bulkId.slice(0, 64)}`, {
    hint: `\`${typed('holdfast bulk list')}\` shows those there are`,
  });
}
