import type { GatewayItem, HolderItem, Route } from '../model.ts';
import { cloneSigns } from './clone-signs.ts';
import { newsOfHello } from './gateway-news.ts';
import {
  absent,
  all,
  any,
  equal,
  fewer,
  less,
  present,
  type Condition,
  type GuardedUpdate,
} from './guarded-update.ts';

/**
 * Who reaches a gateway. Each rule is one conditional write on the gateway's item (or on the cell's holder row) that
 * may be repeated as it is; where its condition fails, the caller reads the item strongly and decides again.
 * The newest connection always wins.
 */
export const maxGrants = 8;
export const maxRecentHellos = 16;

/** A connection, as the authorizer of its cell let it in. */
export interface ConnectionRef {
  epoch: number;
  connectionId: string;
}

export const isRoute = ({ epoch, connectionId }: ConnectionRef): Condition =>
  all(equal('route.epoch', epoch), equal('route.connectionId', connectionId));

/** It may connect and report. To get commands, grants and credentials it must be active. */
export const isAdmitted: Condition = any(equal('status', 'active'), equal('status', 'pending'));

/**
 * Whether the connection's key may be used: the one in force, or the one before it on the connection that brought the
 * one in force. So a rotation is no outage, and nobody else gets anywhere with the old key.
 */
const mayUseKey = (gateway: GatewayItem, connection: { epoch: number; keyGeneration: number }): boolean =>
  gateway.keyGeneration === connection.keyGeneration || gateway.rotatedBy === connection.epoch;

/** `$connect`: a token works once, because dialSeq only moves up. */
export const burnDial = (seq: number, keyGeneration: number): GuardedUpdate => ({
  when: all(isAdmitted, equal('keyGeneration', keyGeneration), less('dialSeq', seq)),
  set: { dialSeq: seq },
});

export type HelloDecision =
  | { accept: true; update: GuardedUpdate; replaces: GatewayItem['previous'] }
  | { accept: false; reason: 'unknown' | 'revoked' | 'key-replaced' }
  | { accept: false; reason: 'superseded'; byEpoch: number };

/** The newest connection that ever was the route; it stays known when its route is lost. */
export const newestEpoch = ({ route, previous, routedEpoch }: GatewayItem): number =>
  Math.max(route?.epoch ?? 0, previous?.epoch ?? 0, routedEpoch ?? 0);

/** No newer connection became the route, not even one that is gone again. */
const isNewest = (epoch: number): Condition => any(absent('routedEpoch'), less('routedEpoch', epoch + 1));

/**
 * `hello`: the connection becomes the route if none newer ever was; the one that it replaces is kept as `previous`.
 */
export function decideHello(
  gateway: GatewayItem | undefined,
  hello: Route & { keyGeneration: number },
): HelloDecision {
  const { keyGeneration: _generation, ...route } = hello;
  if (!gateway) return { accept: false, reason: 'unknown' };
  if (gateway.status === 'revoked') return { accept: false, reason: 'revoked' };
  if (!mayUseKey(gateway, hello)) return { accept: false, reason: 'key-replaced' };
  const { route: current } = gateway;
  const isSame = current?.connectionId === route.connectionId;
  const newest = newestEpoch(gateway);
  if (newest > route.epoch) return { accept: false, reason: 'superseded', byEpoch: newest };
  const replaces =
    current && !isSame
      ? { epoch: current.epoch, cellId: current.cellId, connectionId: current.connectionId }
      : undefined;
  const hellos = isSame ? gateway.recentHellos : [...gateway.recentHellos, route.connectedAt];
  return {
    accept: true,
    replaces,
    update: {
      when: all(
        isAdmitted,
        equal('keyGeneration', gateway.keyGeneration),
        current ? isRoute(current) : absent('route'),
        isNewest(route.epoch),
      ),
      set: {
        route: isSame ? { ...route, connectedAt: current.connectedAt } : route,
        routedEpoch: route.epoch,
        recentHellos: hellos.slice(-maxRecentHellos),
        ...(isSame ? {} : { ...cloneSigns(gateway, route), ...newsOfHello(gateway, route) }),
        ...(replaces ? { previous: replaces } : {}),
      },
      remove: ['routeLostAt'],
    },
  };
}

/** `$disconnect` and 410: the route goes only if it still is this connection's. */
export const loseRoute = (connection: ConnectionRef, at: number): GuardedUpdate => ({
  when: isRoute(connection),
  set: { routeLostAt: at, newsAt: at },
  remove: ['route'],
});

/** A holder that was found by asking around becomes the route again, if nothing newer is known. */
export const repairRoute = (gateway: GatewayItem, route: Route, at: number): GuardedUpdate | undefined =>
  gateway.route?.epoch === route.epoch || newestEpoch(gateway) > route.epoch
    ? undefined
    : {
        when: all(
          isAdmitted,
          gateway.route ? isRoute(gateway.route) : absent('route'),
          isNewest(route.epoch),
        ),
        set: { route, routedEpoch: route.epoch, newsAt: at },
        remove: ['routeLostAt'],
      };

/** What a frame's connection is to the gateway now. Frames of all but `live` ones are refused. */
export function connectionStanding(
  gateway: GatewayItem | undefined,
  connection: ConnectionRef & { keyGeneration: number },
): 'live' | 'no-route' | 'superseded' | 'refused' {
  if (!gateway || gateway.status === 'revoked') return 'refused';
  if (!mayUseKey(gateway, connection)) return 'refused';
  const { route } = gateway;
  if (route?.epoch === connection.epoch && route.connectionId === connection.connectionId) return 'live';
  return newestEpoch(gateway) > connection.epoch ? 'superseded' : 'no-route';
}

/**
 * The right to start a command that must not run twice: given to one journal, and only while the route is the
 * connection that asks for it. Repeatable for the same journal.
 */
export const grantStart = (
  commandId: string,
  journalId: string,
  connection: ConnectionRef,
): GuardedUpdate => ({
  when: all(
    equal('status', 'active'),
    isRoute(connection),
    equal('route.journalId', journalId),
    any(
      equal(`grants.${commandId}`, journalId),
      all(absent(`grants.${commandId}`), fewer('grants', maxGrants)),
    ),
  ),
  set: { [`grants.${commandId}`]: journalId },
});

/** Takes a grant back once its command is final, or was taken from a journal that is lost. */
export const releaseGrant = (commandId: string, journalId?: string): GuardedUpdate => ({
  when: journalId === undefined ? present(`grants.${commandId}`) : equal(`grants.${commandId}`, journalId),
  remove: [`grants.${commandId}`],
});

/** A tenant-admin takes a pending gateway for its own. Repeatable; a revoked one stays revoked. */
export const confirmGateway = (tenantId: string, by: string, at: number): GuardedUpdate => ({
  when: all(equal('tenantId', tenantId), equal('status', 'pending')),
  set: { status: 'active', confirmedBy: by, newsAt: at },
});

/** Submit: the next number of the gateway's command queue. Gaps do no harm. */
export const countCommand = (tenantId: string): GuardedUpdate => ({
  when: all(equal('tenantId', tenantId), equal('status', 'active')),
  add: { commandCounter: 1 },
});

/** The cell's own row of who holds which gateway: put if newer, or again for the same connection. */
export const putHolder = (holder: HolderItem): GuardedUpdate => {
  const { gatewayId: _key, ...fields } = holder;
  return {
    when: any(
      absent('epoch'),
      less('epoch', holder.epoch),
      all(equal('epoch', holder.epoch), equal('connectionId', holder.connectionId)),
    ),
    set: fields,
  };
};

/** The holder row goes only with its own connection. */
export const holderIs = ({ epoch, connectionId }: ConnectionRef): Condition =>
  all(equal('epoch', epoch), equal('connectionId', connectionId));
