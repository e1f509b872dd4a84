import type { Log } from '../../core/log.ts';
import type { HolderItem } from '../../core/model.ts';
import type { DeliverAnswer, DeliverRequest } from '../../core/routes/frames.ts';
import { holderIs } from '../../core/routes/route-rules.ts';
import type { Connections } from '../aws/connections.ts';
import type { Clock, HolderStore } from './ports.ts';
import { postDrafts } from './reach.ts';

export interface HandOverDeps {
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
  if (outcome === 'gone' || then) await deps.holders.remove(gatewayId, holderIs(holder));
  if (then === 'close') await deps.connections.close(holder.connectionId);
  deps.log('info', 'deliver.posted', { gatewayId, outcome, count: frames.length, epoch: holder.epoch });
  return answer(outcome, holder);
}

function answer(outcome: DeliverAnswer['outcome'], holder: HolderItem | undefined): DeliverAnswer {
  if (!holder) return { outcome };
  const { epoch, connectionId, bootId, journalId, connectedAt } = holder;
  return { outcome, holder: { epoch, connectionId, bootId, journalId, connectedAt } };
}
