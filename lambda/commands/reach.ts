import type { Log } from '../../core/log.ts';
import { sealFrame, type DeliverOutcome, type Draft } from '../../core/routes/frames.ts';
import type { Connections } from '../aws/connections.ts';
import type { Clock } from './ports.ts';

/** A connection that reaches a gateway, as far as is known. */
export interface Location {
  cellId: string;
  epoch: number;
  connectionId: string;
}

/** How messages get to a gateway. Registry, broadcast and hybrid forwarding keep this one contract. */
export interface Reach {
  /**
   * The newest connection of the gateway, or undefined while there is none. `failed` is a location that an earlier
   * call returned and that did not take the messages.
   */
  locate(gatewayId: string, failed?: Location): Promise<Location | undefined>;
  /** To this connection and no other. Never throws for what the network does: that is `unknown`. */
  send(gatewayId: string, location: Location, drafts: readonly Draft[]): Promise<DeliverOutcome>;
}

/** Posts drafts one after the other to a connection of this cell. */
export async function postDrafts(
  deps: { connections: Connections; clock: Clock },
  { epoch, connectionId }: Pick<Location, 'epoch' | 'connectionId'>,
  drafts: readonly Draft[],
): Promise<Exclude<DeliverOutcome, 'not-mine'>> {
  for (const draft of drafts) {
    const frame = sealFrame(draft, { id: deps.clock.newId(), epoch, ts: deps.clock.now() });
    const outcome = await deps.connections.post(connectionId, frame);
    if (outcome !== 'sent') return outcome;
  }
  return 'delivered';
}

/** For a function that was called by the connection itself: it is there, and no one has to be asked. */
export function ownConnection(
  deps: { connections: Connections; clock: Clock; log: Log },
  location: Location,
): Reach {
  return {
    locate: (_, failed) => Promise.resolve(failed ? undefined : location),
    send: (_, to, drafts) => postDrafts(deps, to, drafts),
  };
}
