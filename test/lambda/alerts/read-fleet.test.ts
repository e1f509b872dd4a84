import { Roster } from '../../../core/alerts/roster.ts';
import type { GatewayItem, StatusItem } from '../../../core/model.ts';
import { lookAtFleet, type FleetLook } from '../../../lambda/alerts/look-at-fleet.ts';
import type { FleetSource, GatewayChanges } from '../../../lambda/alerts/ports.ts';
import { wholeEveryMs } from '../../../lambda/alerts/read-fleet.ts';
import {
  conditionLimits,
  gatewayItem,
  hours,
  minutes,
  pagesOf,
  statusItem,
  t0,
} from '../../support/fleet.ts';
import { MovingFleet } from '../../support/moving-fleet.ts';
import { TickWorld } from '../../support/tick-world.ts';

const world = new TickWorld();
const look = (fleet: FleetSource, now: number): Promise<FleetLook> =>
  lookAtFleet({ ...world.deps(), fleet, limits: conditionLimits }, { open: [], now });

/** All that is judged of a look, in an order that does not depend on how it was read. */
function judged({ looks, fleet, frozen, ...counts }: FleetLook): unknown {
  const rows = Array.from({ length: fleet.rows }, (_, row) =>
    [
      fleet.customers[fleet.customerOf[row]!],
      ...fleet.columns.map((column, i) => fleet.values[i]![column[row]!]),
    ].join(' '),
  );
  return {
    counts: [counts.gateways, counts.active, counts.failed],
    frozen: [...frozen],
    rows: rows.sort(),
    looks: looks
      .map(({ gateway, seen, values }) => ({
        id: gateway.gatewayId,
        state: [gateway.status, gateway.route?.cellId, gateway.routeLostAt, gateway.cloneSeenAt],
        seen: seen.map(({ condition, level, value }) => [condition.id, level, value]),
        values: values.join(' '),
      }))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
  };
}

describe('what is remembered of a fleet', () => {
  test.each([1, 2, 3, 4, 5, 6])('is judged as all of it is, whatever happens (seed %i)', async (seed) => {
    const fleet = new MovingFleet(60, seed);
    let changed = 0;
    const remembered = fleet.source({ whole: () => changed++ });
    for (let minute = 0; minute < 300; minute++) {
      fleet.pass(minutes);
      const [whole, memory] = [await look(fleet.plain(), fleet.now), await look(remembered, fleet.now)];
      expect(judged(memory)).toEqual(judged(whole));
    }
    // One each hour, and a few where a tenth of them is silent at once.
    expect(changed).toBeLessThan(15);
    expect(fleet.happened).toMatchObject({
      rollovers: expect.any(Number),
      losses: expect.any(Number),
      flaps: expect.any(Number),
      clones: expect.any(Number),
      revocations: expect.any(Number),
      labels: expect.any(Number),
      activations: expect.any(Number),
      confirmations: expect.any(Number),
      lateFrames: expect.any(Number),
    });
  });
});

/** Three gateways whose changes the test hands out. */
class Small {
  readonly items = new Map(['a', 'b', 'c'].map((id) => [id, gatewayItem({ gatewayId: id })]));
  statuses: StatusItem[] = [];
  news: GatewayItem[] = [];
  readonly asked: string[][] = [];
  readonly since: number[] = [];
  wholes = 0;
  fails = false;
  newsFail = false;
  keysFail = false;
  readonly roster = new Roster();
  readonly #changes: GatewayChanges = {
    byIds: async (ids) => {
      this.asked.push([...ids]);
      if (this.keysFail) throw new Error('throttled');
      return ids.flatMap((id) => this.items.get(id) ?? []);
    },
    since: (ms, isKnown) => {
      this.since.push(ms);
      if (this.newsFail) return failing();
      return pagesOf(this.news.filter(({ gatewayId, newsAt }) => !isKnown(gatewayId, newsAt!)));
    },
  };
  source(): FleetSource {
    return {
      roster: this.roster,
      gateways: () => {
        this.wholes += 1;
        return this.fails ? failing() : pagesOf([...this.items.values()]);
      },
      statuses: () => pagesOf(this.statuses),
      changes: this.#changes,
    };
  }
  async look(now: number, heard = ['a', 'b', 'c']): Promise<FleetLook> {
    this.statuses = heard.map((gatewayId) => statusItem({ gatewayId, receivedAt: now - minutes }));
    return look(this.source(), now);
  }
}
const failing = (): AsyncIterable<readonly GatewayItem[]> => ({
  [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('throttled')) }),
});

describe('gateways', () => {
  it('are read whole once an hour, and by a clock that went back', async () => {
    const fleet = new Small();
    for (const at of [0, 1, 59, 60, 61]) await fleet.look(t0 + at * minutes);
    expect([fleet.wholes, wholeEveryMs]).toEqual([2, hours]);
    await fleet.look(t0);
    expect(fleet.wholes).toBe(3);
  });

  it('are read whole again where reading them failed', async () => {
    const fleet = new Small();
    await fleet.look(t0);
    fleet.fails = true;
    await expect(fleet.look(t0 + hours)).rejects.toThrow('throttled');
    fleet.fails = false;
    expect(await fleet.look(t0 + hours + minutes)).toMatchObject({ gateways: 3 });
    expect(fleet.wholes).toBe(3);
  });

  it('are read whole where their news cannot be read, for as long as that is so', async () => {
    const fleet = new Small();
    await fleet.look(t0);
    fleet.newsFail = true;
    fleet.items.set('b', gatewayItem({ gatewayId: 'b', tenantId: 'globex' }));
    const { fleet: columns } = await fleet.look(t0 + minutes);
    expect(columns.customers).toContain('globex');
    await fleet.look(t0 + 2 * minutes);
    fleet.newsFail = false;
    await fleet.look(t0 + 3 * minutes);
    expect([fleet.wholes, fleet.since.length]).toEqual([3, 3]);
  });

  it('are read whole at the next look where reading some by their keys failed', async () => {
    const fleet = new Small();
    await fleet.look(t0);
    fleet.keysFail = true;
    await expect(fleet.look(t0 + 20 * minutes, ['b', 'c'])).rejects.toThrow('throttled');
    expect(await fleet.look(t0 + 21 * minutes, ['b', 'c'])).toMatchObject({ gateways: 3 });
    expect(fleet.wholes).toBe(2);
  });

  it('are read whole where the clock was ahead when their news were asked for last', async () => {
    const fleet = new Small();
    for (const at of [0, 30, 1]) await fleet.look(t0 + at * minutes);
    expect(fleet.wholes).toBe(2);
  });

  it('are read again where a later change is of an earlier time, by a clock that is behind', async () => {
    const fleet = new Small();
    await fleet.look(t0);
    const item = fleet.items.get('b')!;
    for (const [i, site] of ['Oslo', 'Bergen'].entries()) {
      fleet.news = [{ ...item, labels: { isp: site }, newsAt: t0 - i }];
      const { fleet: columns } = await fleet.look(t0 + (i + 1) * minutes);
      expect(columns.values.flat()).toContain(site);
    }
  });

  it('are asked for their news of the last minutes again, which index and clocks may have held back', async () => {
    const fleet = new Small();
    await fleet.look(t0);
    fleet.news = [{ ...fleet.items.get('b')!, labels: { site: 'Oslo' }, newsAt: t0 - minutes }];
    await fleet.look(t0 + minutes);
    await fleet.look(t0 + 2 * minutes);
    expect(fleet.since).toEqual([t0 - 15 * minutes, t0 - 14 * minutes]);
    expect(fleet.roster.knowsNews('b', t0 - minutes)).toBe(true);
    expect(fleet.roster.knowsNews('b', t0)).toBe(false);
    // All of them came from a scan that may not have seen it.
    await fleet.look(t0 + hours);
    expect(fleet.roster.knowsNews('b', t0 - minutes)).toBe(false);
  });

  it('that nobody knows of are read once they report, and those without an item are none', async () => {
    const fleet = new Small();
    await fleet.look(t0);
    fleet.items.set('d', gatewayItem({ gatewayId: 'd', tenantId: 'globex' }));
    const { gateways, fleet: columns } = await fleet.look(t0 + minutes, ['a', 'b', 'c', 'd', 'nobody']);
    expect(gateways).toBe(4);
    expect(columns.customers).toContain('globex');
    expect(fleet.asked).toEqual([['d', 'nobody']]);
    await fleet.look(t0 + 2 * minutes, ['a', 'b', 'c', 'd']);
    expect(fleet.asked).toHaveLength(1);
  });

  it('are read whole at the next look where too many are in doubt', async () => {
    const fleet = new Small();
    await fleet.look(t0);
    await fleet.look(t0 + 20 * minutes, ['b', 'c']);
    expect([fleet.wholes, fleet.asked]).toEqual([1, [['a']]]);
    await fleet.look(t0 + 21 * minutes, ['b', 'c']);
    expect([fleet.wholes, fleet.asked.length]).toEqual([2, 1]);
  });

  it('whose item cannot be read are tried at each look, and judged by nothing that is old', async () => {
    const fleet = new Small();
    await fleet.look(t0);
    const { recentHellos: _none, ...broken } = fleet.items.get('a')!;
    fleet.items.set('a', broken as GatewayItem);
    fleet.news = [{ ...(broken as GatewayItem), newsAt: t0 }];
    for (const at of [1, 2, 3])
      expect(await fleet.look(t0 + at * minutes)).toMatchObject({ gateways: 3, active: 2, failed: 1 });
    fleet.items.set('a', gatewayItem({ gatewayId: 'a' }));
    fleet.news = [];
    expect(await fleet.look(t0 + 4 * minutes)).toMatchObject({ gateways: 3, active: 3, failed: 0 });
  });
});
