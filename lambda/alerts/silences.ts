import { requireAlertName } from '../../core/alerts/alert-names.ts';
import { isSilencing } from '../../core/alerts/holds.ts';
import type { SilenceItem } from '../../core/alerts/model.ts';
import {
  newSilence,
  silenceIdPattern,
  silenceLimits,
  silencesToForget,
  silenceView,
} from '../../core/alerts/silences.ts';
import type { Answers } from '../../core/api.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { RandomBytes } from '../../core/identity/secrets.ts';
import { typed } from '../../core/typed.ts';
import { collect } from '../aws/collect.ts';
import type { ApiRequest } from '../aws/http-handler.ts';
import type { silencesTable } from '../aws/tables.ts';

/** One has 1 KB at most. */
const listedMax = 1_000;

export interface SilenceDeps {
  readonly silences: ReturnType<typeof silencesTable>;
  readonly random: RandomBytes;
  readonly now: () => number;
}

export async function createSilence(
  { silences, random, now }: SilenceDeps,
  { tenantId, principal, body }: ApiRequest<'createSilence'>,
): Promise<Answers['createSilence']> {
  const at = now();
  if (body.conditionId !== undefined) requireAlertName(tenantId, body.conditionId);
  const kept = await silencesOfTenant(silences, tenantId);
  const open = kept.filter((each) => isSilencing(each, at));
  if (open.length >= silenceLimits.openMax)
    throw new HoldfastError('CONFLICT', `a tenant has at most ${silenceLimits.openMax} silences at once`, {
      hint: 'end one that is not needed, or silence more by one',
    });
  const silenceId = `si-${Buffer.from(random(8)).toString('hex')}`;
  const silence = newSilence(body, { tenantId, silenceId, by: principal.id, at });
  await makeRoom(silences, kept, at);
  await silences.put(silence);
  return { silence: silenceView(silence) };
}

/** Whom somebody else forgets at the same time counts for them alone. Who silenced what stays in the audit trail. */
async function makeRoom(
  silences: SilenceDeps['silences'],
  kept: readonly SilenceItem[],
  now: number,
): Promise<void> {
  const { count, from } = silencesToForget(kept, now);
  let left = count;
  for (const { tenantId, silenceId } of from) {
    if (left === 0) return;
    const isOver = 'attribute_exists(#endedAt) OR #endsAt <= :now';
    const forgotten = await silences.delete(
      { tenantId, silenceId },
      { condition: isOver, values: { ':now': now } },
    );
    if (forgotten.ok) left -= 1;
  }
}

/** Those that hold now, the newest first; `?state=all`: the newest thousand that are kept, also ended ones. */
export async function listSilences(
  { silences, now }: SilenceDeps,
  { tenantId, query }: ApiRequest<'listSilences'>,
): Promise<Answers['listSilences']> {
  const { state = 'open' } = query;
  if (state !== 'open' && state !== 'all')
    throw new HoldfastError('INVALID_INPUT', `state "${state}" is neither open nor all`);
  const found = (await silencesOfTenant(silences, tenantId)).filter(
    (each) => state === 'all' || isSilencing(each, now()),
  );
  const newest = found.toSorted((a, b) => b.createdAt - a.createdAt).slice(0, listedMax);
  return { silences: newest.map(silenceView) };
}

/** Ending one that is over changes nothing, and says so. */
export async function endSilence(
  { silences, now }: SilenceDeps,
  { tenantId, principal, params }: ApiRequest<'endSilence'>,
): Promise<Answers['endSilence']> {
  const silenceId = params['silenceId'] ?? '';
  const written = silenceIdPattern.test(silenceId)
    ? await silences.update({ tenantId, silenceId }, 'SET #endedAt = :now, #endedBy = :by', {
        condition: 'attribute_exists(#silenceId) AND attribute_not_exists(#endedAt) AND #endsAt > :now',
        values: { ':now': now(), ':by': principal.id },
      })
    : { ok: false as const, current: undefined };
  if (written.ok) return { silence: silenceView(written.item) };
  if (written.current) return { silence: silenceView(written.current), hadEnded: true };
  throw new HoldfastError('NOT_FOUND', `there is no silence ${silenceId.slice(0, 64)}`, {
    hint: `\`${typed('holdfast alerts silences --all')}\` shows them`,
  });
}

export const silencesOfTenant = (
  silences: SilenceDeps['silences'],
  tenantId: string,
): Promise<SilenceItem[]> =>
  collect(silences.query({ key: '#tenantId = :tenant', values: { ':tenant': tenantId }, strong: true }));
