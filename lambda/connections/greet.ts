import type { Upstream } from '../../core/messages.ts';
import type { GatewayItem, HolderItem, Route } from '../../core/model.ts';
import type { Draft } from '../../core/routes/frames.ts';
import { holds } from '../../core/routes/guarded-update.ts';
import { decideHello, holderIs, loseRoute, putHolder } from '../../core/routes/route-rules.ts';
import type { AuditTrail } from '../audit/trail.ts';
import { errorFields } from '../aws/invocation.ts';
import { deliverOpen, reconcile } from '../commands/delivery.ts';
import type {
  Cells,
  CommandStore,
  ConfigurationStore,
  GatewayStore,
  HolderStore,
} from '../commands/ports.ts';
import { ownConnection, postDrafts } from '../commands/reach.ts';
import { offerAtHello } from '../configuration/offer-configuration.ts';
import { refuse, turnAway, type FrameDeps, type RefusalCode, type Socket } from './socket.ts';

export interface GreetDeps extends FrameDeps {
  cellId: string;
  gateways: GatewayStore;
  holders: HolderStore;
  commands: CommandStore;
  audit: AuditTrail;
  cells: Cells;
  heartbeatIntervalMs: number;
  reconnectWindowMs: number;
  /** Changes of status that the agent may send at once. */
  changeBurst: number;
  /** What gateways are to be set to. @default - they are told nothing */
  configurations?: ConfigurationStore;
}

type Hello = Extract<Upstream, { t: 'hello' }>;

const triesMax = 6;
/** API Gateway ends a connection after 2 h; the rest is for clocks. */
const holderTtlSec = 2 * 3600 + 600;

/**
 * `hello`: the route first, then the holder row, `welcome` and `superseded` to the connection it replaces, only then
 * the queue, and last what it is to be set to. Submit commits a command and then reads the route, so one of the two always sees the other.
 */
export async function greet(deps: GreetDeps, socket: Socket, hello: Hello): Promise<void> {
  const routed = await takeRoute(deps, socket, hello);
  if (!routed) return;
  const { route, name, replaces } = routed;
  const holder = await deps.holders.update(socket.gatewayId, putHolder(holderOf(socket, route)));
  // A newer connection of this very cell was faster; it does the rest.
  if (!holder) return;
  // A cell that is slow to tell the old connection must not keep the new one waiting.
  const [posted] = await Promise.all([
    postDrafts(deps, socket, [welcome(deps, socket, name)]),
    replaces && supersede(deps, socket, replaces),
  ]);
  if (posted === 'gone') {
    await leave(deps, socket);
    return;
  }
  const location = { cellId: deps.cellId, epoch: socket.epoch, connectionId: socket.connectionId };
  const delivery = { ...deps, reach: ownConnection(deps, location) };
  await reconcile(delivery, socket.gatewayId, location);
  await deliverOpen(delivery, socket.gatewayId);
  const { configurations } = deps;
  if (configurations) await offerAtHello({ ...deps, configurations }, socket, hello.body.configVersion);
}

async function takeRoute(
  deps: GreetDeps,
  socket: Socket,
  hello: Hello,
): Promise<{ route: Route; name?: string; replaces: GatewayItem['previous'] } | undefined> {
  const { epoch, connectionId, keyGeneration, gatewayId } = socket;
  const { bootId, journalId } = hello.body;
  const route: Route = {
    epoch,
    cellId: deps.cellId,
    connectionId,
    bootId,
    journalId,
    connectedAt: deps.clock.now(),
  };
  for (let tries = 0; tries < triesMax; tries++) {
    const decision = decideHello(await deps.gateways.get(gatewayId), { ...route, keyGeneration });
    if (!decision.accept) {
      if (decision.reason === 'superseded')
        await postDrafts(deps, socket, [{ t: 'superseded', body: { byEpoch: decision.byEpoch } }]);
      else await turnAway(deps, socket, { ...refusals[decision.reason], messageId: hello.id });
      return undefined;
    }
    const written = await deps.gateways.update(gatewayId, decision.update);
    if (written) {
      deps.log('info', 'hello.routed', {
        gatewayId,
        epoch,
        cellId: deps.cellId,
        replaces: decision.replaces?.epoch,
      });
      if (written.cloneSeenAt === route.connectedAt) deps.log('warn', 'hello.cloned', { gatewayId, bootId });
      return { route, name: written.name, replaces: decision.replaces };
    }
  }
  deps.log('warn', 'hello.contended', { gatewayId, epoch });
  return refuse(deps, socket, {
    code: 'NO_ROUTE',
    message: 'the route changes too fast; send hello again',
    messageId: hello.id,
  });
}

const refusals: Record<'unknown' | 'revoked' | 'key-replaced', { code: RefusalCode; message: string }> = {
  unknown: { code: 'UNKNOWN_GATEWAY', message: 'no such gateway' },
  revoked: { code: 'REVOKED', message: 'this gateway was revoked' },
  'key-replaced': { code: 'KEY_REPLACED', message: 'the key of this connection was replaced' },
};

const holderOf = (socket: Socket, { connectedAt, bootId, journalId }: Route): HolderItem => ({
  gatewayId: socket.gatewayId,
  connectionId: socket.connectionId,
  epoch: socket.epoch,
  bootId,
  journalId,
  connectedAt,
  expiresAtSec: Math.floor(connectedAt / 1000) + holderTtlSec,
});

const welcome = (deps: GreetDeps, { gatewayId }: Socket, name: string | undefined): Draft => ({
  t: 'welcome',
  body: {
    gatewayId,
    name,
    heartbeatIntervalMs: deps.heartbeatIntervalMs,
    reconnectWindowMs: deps.reconnectWindowMs,
    changeBurst: deps.changeBurst,
    serverTime: deps.clock.now(),
  },
});

/** Best effort: an old connection that does not hear of it is refused at its next frame. */
async function supersede(
  deps: GreetDeps,
  socket: Socket,
  old: NonNullable<GatewayItem['previous']>,
): Promise<void> {
  const draft: Draft = { t: 'superseded', body: { byEpoch: socket.epoch } };
  try {
    if (old.cellId === deps.cellId) await postDrafts(deps, old, [draft]);
    else
      await deps.cells.deliver(old.cellId, {
        gatewayId: socket.gatewayId,
        epoch: old.epoch,
        frames: [draft],
        then: 'release',
      });
  } catch (cause) {
    deps.log('warn', 'hello.supersede-failed', { gatewayId: socket.gatewayId, ...errorFields(cause) });
  }
}

/**
 * A connection that is over takes its route and its holder row with it, if they still are its own. Mostly they are not,
 * for it was replaced before it was closed: looking first is an eighth of the price of a write whose condition fails.
 */
export async function leave(
  deps: Pick<GreetDeps, 'gateways' | 'holders' | 'clock' | 'log'>,
  socket: Socket,
): Promise<void> {
  const { gatewayId } = socket;
  const route = (await deps.gateways.get(gatewayId))?.route;
  const lost = holds(holderIs(socket), route)
    ? await deps.gateways.update(gatewayId, loseRoute(socket, deps.clock.now()))
    : undefined;
  const isHolder = holds(holderIs(socket), await deps.holders.get(gatewayId));
  const released = isHolder && (await deps.holders.remove(gatewayId, holderIs(socket)));
  deps.log('info', 'connection.left', {
    gatewayId,
    epoch: socket.epoch,
    wasRoute: lost !== undefined,
    wasHolder: released,
  });
}
