import { createHash } from 'node:crypto';

/** Open alerts are found by this many shards, so that no single partition carries all of them. */
export const openShards = ['0', '1', '2', '3', '4', '5', '6', '7'] as const;

/** The identity of an alert: 32 hex digits. The list is hashed as JSON, so that no two ids run into each other. */
export function alertKeyOf(id: {
  tenantId: string;
  gatewayId: string;
  conditionId: string;
  component: string;
}): string {
  const text = JSON.stringify([id.tenantId, id.gatewayId, id.conditionId, id.component]);
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

export const openShardOf = (alertKey: string): string =>
  String(Number.parseInt(alertKey.slice(0, 2), 16) % openShards.length);

export const eventIdOf = (alertKey: string, episode: number, seq: number): string =>
  `${alertKey}#${episode}#${seq}`;

/** Reads an event id back; undefined when it is none. */
export function parseEventId(id: string): { alertKey: string; episode: number; seq: number } | undefined {
  const match = /^([0-9a-f]{32})#(\d{1,15})#(\d{1,15})$/.exec(id);
  if (!match?.[1]) return undefined;
  return { alertKey: match[1], episode: Number(match[2]), seq: Number(match[3]) };
}
