import { z } from 'zod';
import { isSilencing } from './holds.ts';
import type { SilenceItem } from './model.ts';

/** News of a tenant's alerts kept back for a while: of all, or of those that fit what is named. */
export const silenceLimits = {
  durationMinMs: 60_000,
  /** Who silences for longer has forgotten it. */
  durationMaxMs: 30 * 24 * 3_600_000,
  /** At once, of one tenant. */
  openMax: 100,
  /** Of one tenant, with those that are over: every look with news of the tenant reads all of them. */
  keptMax: 200,
  whyLengthMax: 500,
} as const;
/** How long one is shown after its end. */
const shownForMs = 30 * 24 * 3_600_000;

export const whySchema = z.string().trim().min(1).max(silenceLimits.whyLengthMax);

export const createSilenceSchema = z
  .strictObject({
    gatewayId: z.string().min(1).max(64).optional(),
    conditionId: z.string().min(1).max(64).optional(),
    /** A volume or a mount. */
    component: z.string().min(1).max(128).optional(),
    /** Of every alert of the tenant: said instead of naming any. */
    all: z.literal(true).optional(),
    why: whySchema,
    forMs: z.number().int().min(silenceLimits.durationMinMs).max(silenceLimits.durationMaxMs),
  })
  .refine(
    ({ all, gatewayId, conditionId, component }) =>
      (all === true) === [gatewayId, conditionId, component].every((named) => named === undefined),
    'name a gateway, a condition or a component, or say `all`, and not both',
  );
export type CreateSilence = z.infer<typeof createSilenceSchema>;

export type SilenceView = Omit<SilenceItem, 'expiresAtSec'>;
export const silenceView = ({ expiresAtSec: _sec, ...view }: SilenceItem): SilenceView => view;

export const silenceIdPattern = /^si-[0-9a-f]{16}$/;

export function newSilence(
  { all: _all, forMs, ...named }: CreateSilence,
  of: { tenantId: string; silenceId: string; by: string; at: number },
): SilenceItem {
  const { at, ...rest } = of;
  const endsAt = at + forMs;
  const expiresAtSec = Math.ceil((endsAt + shownForMs) / 1000);
  return { ...rest, ...named, createdAt: at, endsAt, expiresAtSec };
}

/**
 * What makes room for a new one: `count` of `from`, which are over, the first to go first. One where as many are kept as
 * may be; two where more are, from before there was a bound or of several that were made at once.
 */
export function silencesToForget(
  kept: readonly SilenceItem[],
  now: number,
): { count: number; from: SilenceItem[] } {
  const from = kept.filter((each) => !isSilencing(each, now)).toSorted((a, b) => endOf(a) - endOf(b));
  const surplus = kept.length + 1 - silenceLimits.keptMax;
  return { count: Math.min(2, Math.max(0, surplus)), from };
}

const endOf = ({ endedAt, endsAt }: SilenceItem): number => endedAt ?? endsAt;
