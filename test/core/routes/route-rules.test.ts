import type { GatewayItem, Route } from '../../../core/model.ts';
import { applied } from '../../../core/routes/guarded-update.ts';
import {
  burnDial,
  confirmGateway,
  connectionStanding,
  countCommand,
  decideHello,
  grantStart,
  loseRoute,
  maxGrants,
  maxRecentHellos,
  releaseGrant,
  repairRoute,
} from '../../../core/routes/route-rules.ts';
import { gatewayItem } from '../../support/gateway-item.ts';

const gateway = gatewayItem;
const route = (epoch: number, connectionId = `c${epoch}`): Route => ({
  epoch,
  connectionId,
  cellId: 'cell-1',
  bootId: 'boot',
  journalId: 'journal',
  connectedAt: epoch,
});
const after = (item: GatewayItem, update: Parameters<typeof applied>[0]) => applied(update, item, {});
function welcomed(item: GatewayItem, hello: Route): GatewayItem {
  const decision = decideHello(item, { ...hello, keyGeneration: 1 });
  if (!decision.accept) throw new Error(`refused: ${decision.reason}`);
  return after(item, decision.update)!;
}

describe('hello', () => {
  it('routes the first connection and takes routeLostAt away', () => {
    const item = welcomed(gateway({ routeLostAt: 1 }), route(5));
    expect(item.route).toEqual(route(5));
    expect(item).not.toHaveProperty('routeLostAt');
    expect(item).not.toHaveProperty('previous');
    expect(item.recentHellos).toEqual([5]);
  });

  it('replaces an older connection and keeps it as previous', () => {
    const item = welcomed(welcomed(gateway(), route(5)), route(6));
    expect(item.route?.epoch).toBe(6);
    expect(item.previous).toEqual({ epoch: 5, cellId: 'cell-1', connectionId: 'c5' });
  });

  it('rejects a hello whose epoch is older', () => {
    const item = welcomed(gateway(), route(6));
    expect(decideHello(item, { ...route(5), keyGeneration: 1 })).toEqual({
      accept: false,
      reason: 'superseded',
      byEpoch: 6,
    });
  });

  it('rejects the late hello of a replaced connection even after the route was lost', () => {
    const item = welcomed(welcomed(gateway(), route(5)), route(6));
    const lost = after(item, loseRoute(route(6), 9))!;
    expect(decideHello(lost, { ...route(5), keyGeneration: 1 })).toMatchObject({ reason: 'superseded' });
  });

  it('rejects an older connection although the newest one’s route is lost, and takes that one back', () => {
    const lost = after(welcomed(gateway(), route(6)), loseRoute(route(6), 9))!;
    const older = { ...route(5), keyGeneration: 1 };
    expect(decideHello(lost, older)).toMatchObject({ reason: 'superseded', byEpoch: 6 });
    expect(repairRoute(lost, route(5), 10)).toBeUndefined();
    expect(connectionStanding(lost, { ...older, connectionId: 'c5' })).toBe('superseded');
    expect(welcomed(lost, route(6)).route?.epoch).toBe(6);
  });

  it('does not take a route that a newer connection had and lost since the item was read', () => {
    const read = gateway();
    const decision = decideHello(read, { ...route(5), keyGeneration: 1 });
    const meanwhile = after(welcomed(read, route(6)), loseRoute(route(6), 9))!;
    if (!decision.accept) throw new Error('refused');
    expect(after(meanwhile, decision.update)).toBeUndefined();
    expect(after(meanwhile, repairRoute(read, route(5), 10)!)).toBeUndefined();
  });

  it('may be repeated by the same connection, which does not count as a new one', () => {
    const item = welcomed(gateway(), route(5));
    const again = welcomed(item, { ...route(5), connectedAt: 99 });
    expect(again).toEqual(item);
  });

  it('does not overwrite a route that changed since it was read', () => {
    const read = welcomed(gateway(), route(5));
    const decision = decideHello(read, { ...route(6), keyGeneration: 1 });
    const meanwhile = welcomed(read, route(7));
    if (!decision.accept) throw new Error('refused');
    expect(after(meanwhile, decision.update)).toBeUndefined();
  });

  it.each([
    ['a gateway that is not known', undefined, 'unknown'],
    ['a revoked gateway', gateway({ status: 'revoked' }), 'revoked'],
    ['a key that was replaced', gateway({ keyGeneration: 2 }), 'key-replaced'],
  ])('refuses %s', (_, item, reason) => {
    expect(decideHello(item, { ...route(5), keyGeneration: 1 })).toEqual({ accept: false, reason });
  });

  it('keeps the last 16 hellos', () => {
    let item = gateway();
    for (let epoch = 1; epoch <= 20; epoch++) item = welcomed(item, route(epoch));
    expect(item.recentHellos).toHaveLength(maxRecentHellos);
    expect(item.recentHellos.at(-1)).toBe(20);
  });
});

describe('two hosts with one key', () => {
  const hello = (item: GatewayItem, epoch: number, bootId: string, journalId = 'journal') =>
    welcomed(item, { ...route(epoch), bootId, journalId });

  it('are seen when a process that another replaced comes back', () => {
    let item = hello(hello(gateway(), 1, 'a'), 2, 'b');
    expect(item).not.toHaveProperty('cloneSeenAt');
    item = hello(item, 3, 'a');
    expect(item.cloneSeenAt).toBe(3);
    expect(hello(item, 4, 'b').cloneSeenAt).toBe(4);
  });

  it('are seen by their journals where both restart again and again', () => {
    let item = hello(hello(gateway(), 1, 'a', 'j1'), 2, 'b', 'j2');
    item = hello(item, 3, 'c', 'j1');
    expect(item.cloneSeenAt).toBe(3);
  });

  it('are seen where the route was lost in between', () => {
    const first = after(hello(gateway(), 1, 'a'), loseRoute(route(1), 9))!;
    const second = after(hello(first, 2, 'b'), loseRoute(route(2), 9))!;
    expect(hello(second, 3, 'a').cloneSeenAt).toBe(3);
  });

  it('are not seen in restarts, rollovers, lost journals and hellos that are repeated', () => {
    let item = gateway();
    for (let epoch = 1; epoch <= 40; epoch++)
      item = hello(item, epoch, `boot-${Math.floor(epoch / 3)}`, `journal-${Math.floor(epoch / 9)}`);
    expect(hello(item, 40, 'boot-13', 'journal-4')).not.toHaveProperty('cloneSeenAt');
  });

  it('take little room in the item', () => {
    let item = gateway();
    for (let epoch = 1; epoch <= 40; epoch++) item = hello(item, epoch, 'b'.repeat(60) + epoch, `j${epoch}`);
    const { recentBoots, recentJournals } = item;
    expect(JSON.stringify({ recentBoots, recentJournals }).length).toBeLessThan(128);
  });
});

describe('a lost route', () => {
  it('goes with its own connection only', () => {
    const item = welcomed(gateway(), route(6));
    expect(after(item, loseRoute(route(5), 9))).toBeUndefined();
    expect(after(item, loseRoute(route(6, 'other'), 9))).toBeUndefined();
    expect(after(item, loseRoute(route(6), 9))).toMatchObject({ routeLostAt: 9 });
    expect(after(item, loseRoute(route(6), 9))).not.toHaveProperty('route');
  });

  it('comes back from a holder unless a newer connection is known', () => {
    const item = welcomed(welcomed(gateway(), route(5)), route(6));
    const lost = after(item, loseRoute(route(6), 9))!;
    expect(repairRoute(lost, route(5), 10)).toBeUndefined();
    expect(after(lost, repairRoute(lost, route(6), 10)!)?.route?.epoch).toBe(6);
    expect(repairRoute(item, route(6), 10)).toBeUndefined();
  });
});

describe('a dial', () => {
  it('burns its token once', () => {
    const item = after(gateway({ dialSeq: 4 }), burnDial(5, 1))!;
    expect(item.dialSeq).toBe(5);
    expect(after(item, burnDial(5, 1))).toBeUndefined();
  });

  it('is refused for a revoked gateway and another key', () => {
    expect(after(gateway({ status: 'revoked' }), burnDial(5, 1))).toBeUndefined();
    expect(after(gateway({ keyGeneration: 2 }), burnDial(5, 1))).toBeUndefined();
  });
});

describe('a frame', () => {
  const item = welcomed(welcomed(gateway(), route(5)), route(6));
  const standing = (of: GatewayItem | undefined, epoch: number, keyGeneration = 1) =>
    connectionStanding(of, { epoch, connectionId: `c${epoch}`, keyGeneration });

  it('counts from the newest connection alone', () => {
    expect(standing(item, 6)).toBe('live');
    expect(standing(item, 5)).toBe('superseded');
    expect(standing(item, 7)).toBe('no-route');
  });

  it('asks for another hello where the route was lost', () => {
    expect(standing(after(item, loseRoute(route(6), 9)), 6)).toBe('no-route');
  });

  it('is refused after revocation and with a replaced key', () => {
    expect(standing({ ...item, status: 'revoked' }, 6)).toBe('refused');
    expect(standing(item, 6, 2)).toBe('refused');
    expect(standing(undefined, 6)).toBe('refused');
  });
});

describe('the connection that brought another key', () => {
  const rotated: GatewayItem = { ...welcomed(gateway(), route(6)), keyGeneration: 2, rotatedBy: 6 };
  const standing = (of: GatewayItem, epoch: number, keyGeneration = 1) =>
    connectionStanding(of, { epoch, connectionId: `c${epoch}`, keyGeneration });

  it('goes on with the key before until another replaces it, and nobody else with that key does', () => {
    expect(standing(rotated, 6)).toBe('live');
    expect(standing(rotated, 7)).toBe('refused');
    const decision = decideHello(rotated, { ...route(7), keyGeneration: 2 });
    const replaced = decision.accept ? after(rotated, decision.update)! : rotated;
    expect(standing(replaced, 7, 2)).toBe('live');
    expect(standing(replaced, 6)).toBe('superseded');
  });

  it('may say hello again where its route was lost', () => {
    const lost = after(rotated, loseRoute(route(6), 9))!;
    expect(standing(lost, 6)).toBe('no-route');
    const decision = decideHello(lost, { ...route(6), keyGeneration: 1 });
    expect(decision.accept && after(lost, decision.update)?.route?.epoch).toBe(6);
    expect(decideHello(lost, { ...route(7), keyGeneration: 1 })).toMatchObject({ reason: 'key-replaced' });
  });

  it('loses a hello that was decided before the key was replaced', () => {
    const item = welcomed(gateway(), route(6));
    const decision = decideHello(item, { ...route(7), keyGeneration: 1 });
    expect(decision.accept && after(rotated, decision.update)).toBeUndefined();
  });
});

describe('a start grant', () => {
  const item = welcomed(gateway(), route(6));

  it('goes to one journal, which may ask again', () => {
    const granted = after(item, grantStart('a', 'journal', route(6)))!;
    expect(granted.grants).toEqual({ a: 'journal' });
    expect(after(granted, grantStart('a', 'journal', route(6)))).toEqual(granted);
    const moved = welcomed(granted, { ...route(7), journalId: 'other' });
    expect(after(moved, grantStart('a', 'other', route(7)))).toBeUndefined();
  });

  it('is refused to a connection that is not the route', () => {
    expect(after(item, grantStart('a', 'journal', route(5)))).toBeUndefined();
    expect(after(item, grantStart('a', 'other', route(6)))).toBeUndefined();
  });

  it('is refused beyond the eighth, and given again after a release', () => {
    let full = item;
    for (let i = 0; i < maxGrants; i++) full = after(full, grantStart(`c${i}`, 'journal', route(6)))!;
    expect(after(full, grantStart('one-more', 'journal', route(6)))).toBeUndefined();
    expect(after(full, releaseGrant('c0', 'other'))).toBeUndefined();
    const released = after(full, releaseGrant('c0', 'journal'))!;
    expect(after(released, grantStart('one-more', 'journal', route(6)))).toBeDefined();
  });
});

describe('a pending gateway', () => {
  const pending = welcomed(gateway({ status: 'pending' }), route(6));

  it('may dial, say hello and report', () => {
    expect(after(gateway({ status: 'pending' }), burnDial(5, 1))?.dialSeq).toBe(5);
    expect(connectionStanding(pending, { ...route(6), keyGeneration: 1 })).toBe('live');
  });

  it('gets no commands and no start grants before its own tenant confirmed it', () => {
    expect(after(pending, countCommand('acme'))).toBeUndefined();
    expect(after(pending, grantStart('a', 'journal', route(6)))).toBeUndefined();
    expect(after(pending, confirmGateway('other', 'x', 10))).toBeUndefined();
    const confirmed = after(pending, confirmGateway('acme', 'ann', 10))!;
    expect(confirmed).toMatchObject({ status: 'active', confirmedBy: 'ann' });
    expect(after(confirmed, countCommand('acme'))).toBeDefined();
  });

  it('is not confirmed any more once it was revoked', () => {
    expect(after({ ...pending, status: 'revoked' }, confirmGateway('acme', 'ann', 10))).toBeUndefined();
  });
});

it('numbers commands for the gateway’s own tenant', () => {
  expect(after(gateway(), countCommand('acme'))?.commandCounter).toBe(1);
  expect(after(gateway(), countCommand('other'))).toBeUndefined();
});
