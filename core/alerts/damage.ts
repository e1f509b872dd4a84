import { alertStates, type AlertItem } from '../model.ts';

/**
 * The first field of a stored alert that is not what every transition takes it for; undefined: it is whole. Of one that
 * is damaged nothing is made: it would be a resolve that nobody hears of, or a write whose condition is never met.
 */
export const damageOf = (item: AlertItem): string | undefined =>
  Object.entries(fields).find(([name, isWell]) => !isWell(item[name as keyof AlertItem]))?.[0];

const isText = (value: unknown): boolean => typeof value === 'string';
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;
const isEntry = (value: unknown): boolean => isText((value as { eventId?: unknown } | null)?.eventId);
const fields = {
  tenantId: isText,
  gatewayId: isText,
  conditionId: isText,
  component: isText,
  severity: isText,
  state: (value: unknown): boolean => alertStates.some((state) => state === value),
  version: isCount,
  episode: isCount,
  seq: isCount,
  changedAt: Number.isFinite,
  outbox: (value: unknown): boolean => Array.isArray(value) && value.every(isEntry),
  audit: Array.isArray,
} satisfies Partial<Record<keyof AlertItem, (value: unknown) => boolean>>;
