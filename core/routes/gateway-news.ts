import { reconnectionGapMs } from '../conditions/signals.ts';
import type { GatewayItem, Route } from '../model.ts';

/**
 * What the status proxy has to hear of a gateway that no status says: `newsAt` is when, and the index `byNews` finds it.
 * Whatever write changes one of the fields that core/alerts/roster.ts keeps sets it, but for the hello of a planned
 * rollover, of which the next status says enough.
 */
export const newsShards = ['0', '1', '2', '3', '4', '5', '6', '7'] as const;

/** An index takes 1,000 writes a second for each of its keys, and a region of gateways may be lost in one. */
export const newsShardOf = (gatewayId: string): string => {
  let sum = 0;
  for (let i = 0; i < gatewayId.length; i++) sum += gatewayId.charCodeAt(i);
  return newsShards[sum % newsShards.length]!;
};

/** A hello is news unless the same process comes over from a connection that is there still, no sooner than planned. */
export function isNewsworthy({ route: before, recentHellos }: GatewayItem, hello: Route): boolean {
  if (!before || before.bootId !== hello.bootId || before.journalId !== hello.journalId) return true;
  return hello.connectedAt - (recentHellos.at(-1) ?? 0) < reconnectionGapMs;
}

/** What a hello writes of it; the shard too, where the gateway is older than the index. */
export const newsOfHello = (gateway: GatewayItem, hello: Route): Pick<GatewayItem, 'newsAt' | 'newsShard'> =>
  gateway.newsShard !== undefined && !isNewsworthy(gateway, hello)
    ? {}
    : { newsAt: hello.connectedAt, newsShard: newsShardOf(gateway.gatewayId) };
