import type { Log } from '../../core/log.ts';
import type { HolderItem } from '../../core/model.ts';
import type { DeliverAnswer, DeliverRequest } from '../../core/routes/frames.ts';
import { holderIs, loseRoute } from '../../core/routes/route-rules.ts';
import type { Connections } from '../aws/connections.ts';
import type { Clock, GatewayStore, HolderStore } from './ports.ts';
import { postDrafts } from './reach.ts';

export interface HandOverDeps {
  gateways: Pick<GatewayStore, 'update'>;
  holders: HolderStore;
  connections: Connections;
  clock: Clock;
  log: Log;
}

/** Posts what another cell or home hands over to the connection that this cell holds. Never passes it on. */
export async function handOver(deps: HandOverDeps, request: DeliverRequest): Promise<DeliverAnswer> {
  const { gatewayId, epoch, frames, then } = request;
  const row = await deps.holders.get(gatewayId);
  const holder = row && row.expiresAtSec * 1000 > deps.clock.now() ? row : undefined;
  if (!holder || (epoch !== undefined && holder.epoch !== epoch)) return answer('not-mine', holder);
  const outcome = await postDrafts(deps, holder, frames);
  const isForgotten = outcome === 'gone' && (await loseRouteOf(deps, holder));
  if (isForgotten || then) await deps.holders.remove(gatewayId, holderIs(holder));
  if (then === 'close') await deps.connections.close(holder.connectionId);
  deps.log('info', 'deliver.posted', { gatewayId, outcome, count: frames.length, epoch: holder.epoch });
  return answer(outcome, holder);
}

/**
 * The route goes before the holder row: a connection without its row, but with its route, could neither be found by
 * asking around nor be told to say hello again. Where the route cannot be written the row stays for the next one.
 */
async function loseRouteOf({ gateways, clock, log }: HandOverDeps, holder: HolderItem): Promise<boolean> {
  const { gatewayId } = holder;
  try {
    await gateways.update(gatewayId, loseRoute(holder, clock.now()));
    return true;
  } catch (cause) {
    log('warn', 'deliver.route-kept', { gatewayId, epoch: holder.epoch, error: String(cause) });
    return false;
  }
}

function answer(outcome: DeliverAnswer['outcome'], holder: HolderItem | undefined): DeliverAnswer {
  if (!holder) return { outcome };
  const { epoch, connectionId, bootId, journalId, connectedAt } = holder;
  return { outcome, holder: { epoch, connectionId, bootId, journalId, connectedAt } };
}
