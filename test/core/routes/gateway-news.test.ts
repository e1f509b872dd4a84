import { decideRotation } from '../../../core/identity/key-rotation.ts';
import type { GatewayItem, Route } from '../../../core/model.ts';
import { newsShardOf, newsShards } from '../../../core/routes/gateway-news.ts';
import { applied, type GuardedUpdate } from '../../../core/routes/guarded-update.ts';
import { confirmGateway, decideHello, loseRoute, repairRoute } from '../../../core/routes/route-rules.ts';
import { gatewayItem, minutes, t0 } from '../../support/fleet.ts';

const known = gatewayItem({ newsShard: newsShardOf('gw-1'), newsAt: 1 });
const route = (over: Partial<Route> = {}): Route => ({
  ...known.route!,
  epoch: 8,
  connectionId: 'c2',
  connectedAt: known.route!.connectedAt + 90 * minutes,
  ...over,
});
const after = (update: GuardedUpdate | undefined, item: GatewayItem = known) => applied(update!, item, {})!;
function greeted(hello: Route, item: GatewayItem = known): GatewayItem {
  const decision = decideHello(item, { ...hello, keyGeneration: 1 });
  if (!decision.accept) throw new Error(decision.reason);
  return after(decision.update, item);
}

describe('a hello', () => {
  it('of a planned rollover is no news, wherever it goes', () => {
    expect(greeted(route())).toMatchObject({ newsAt: 1, route: { epoch: 8 } });
    expect(greeted(route({ cellId: 'cell-2' })).newsAt).toBe(1);
  });

  it('is news of another process, of another journal, sooner than planned, and after a loss', () => {
    const early = known.route!.connectedAt + 79 * minutes;
    expect(greeted(route({ bootId: 'boot-2' })).newsAt).toBe(route().connectedAt);
    expect(greeted(route({ journalId: 'j2' })).newsAt).toBe(route().connectedAt);
    expect(greeted(route({ connectedAt: early })).newsAt).toBe(early);
    const lost = after(loseRoute({ epoch: 7, connectionId: 'c1' }, t0));
    expect(lost.newsAt).toBe(t0);
    expect(greeted(route(), lost).newsAt).toBe(route().connectedAt);
  });

  it('that is said again over the same connection is none', () => {
    expect(greeted(known.route!).newsAt).toBe(1);
  });

  it('gives a gateway its shard where it has none yet', () => {
    const { newsShard: _shard, newsAt: _at, ...old } = known;
    expect(greeted(route(), old)).toMatchObject({
      newsShard: known.newsShard,
      newsAt: route().connectedAt,
    });
  });
});

test('a route that is repaired, a confirmation and another key are news', () => {
  const lost = after(loseRoute({ epoch: 7, connectionId: 'c1' }, t0));
  expect(after(repairRoute(lost, known.route!, t0 + 1), lost).newsAt).toBe(t0 + 1);
  const pending = gatewayItem({ status: 'pending' });
  expect(after(confirmGateway('acme', 'ann', t0), pending)).toMatchObject({ status: 'active', newsAt: t0 });
  const asked = { generation: 1, publicKey: known.publicKey, proofOfOld: '', proofOfNew: '' };
  expect(decideRotation(known, asked, { epoch: 7, connectionId: 'c1' }, t0).accept).toBe(false);
});

test('gateways are spread over all shards', () => {
  const counts = new Map<string, number>();
  for (let i = 0; i < 8_000; i++) {
    const shard = newsShardOf(`gw-${((i * 2_654_435_761) >>> 0).toString(36)}`);
    counts.set(shard, (counts.get(shard) ?? 0) + 1);
  }
  expect([...counts.keys()].sort()).toEqual([...newsShards]);
  expect(Math.min(...counts.values())).toBeGreaterThan(700);
});
