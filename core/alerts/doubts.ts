import { beatMs, lastHeardAt, suspectAfterBeats, type ConditionLimits } from '../conditions/signals.ts';
import type { StatusItem } from '../model.ts';
import type { KnownGateway } from './roster.ts';

/**
 * What a status says of the memory of its gateway. `doubtful`: one that is connected as far as is known and was not heard
 * of in time may have come back under another connection. `rolled-over`: a newer connection that was no news.
 */
export function standingOf(
  gateway: KnownGateway,
  status: StatusItem | undefined,
  { now, limits }: { now: number; limits: ConditionLimits },
): 'as-known' | 'rolled-over' | 'doubtful' {
  if (gateway.status === 'revoked') return 'as-known';
  const isNewer = status !== undefined && status.epoch > gateway.newestEpoch;
  if (!gateway.route) {
    // That it has a route again was news that has not come yet: of none without one a status is taken.
    const isBack = status !== undefined && status.receivedAt > (gateway.routeLostAt ?? Infinity);
    return isNewer || isBack ? 'doubtful' : 'as-known';
  }
  const silentMs = now - lastHeardAt({ gateway, status });
  if (silentMs >= suspectAfterBeats * beatMs({ status, limits })) return 'doubtful';
  return isNewer ? 'rolled-over' : 'as-known';
}
