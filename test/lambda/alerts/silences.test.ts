import { newSilence } from '../../../core/alerts/silences.ts';
import type { AlertEvent } from '../../../core/alert-event.ts';
import type { SilenceItem } from '../../../core/alerts/model.ts';
import { requests } from '../../../core/api.ts';
import type { Configuration } from '../../../core/configuration/configuration.ts';
import { silentLog } from '../../../core/log.ts';
import type { AlertItem } from '../../../core/model.ts';
import type { SilenceDeps } from '../../../lambda/alerts/silences.ts';
import type { TickDeps } from '../../../lambda/alerts/ports.ts';
import { runTick } from '../../../lambda/alerts/tick.ts';
import { silencesTable } from '../../../lambda/aws/tables.ts';
import { configured } from '../../support/configured.ts';
import { startDynamo, type TestDynamo } from '../../support/dynamo.ts';
import {
  conditionLimits,
  gatewayItem,
  hours,
  minutes,
  statusItem,
  pagesOf,
  t0,
  volume,
} from '../../support/fleet.ts';
import { silenceCalls } from './silence-calls.ts';

describe('silences', () => {
  let dynamo: TestDynamo;
  let deps: SilenceDeps;
  let now = t0;
  let count = 0;
  beforeAll(async () => {
    dynamo = await startDynamo();
  });
  beforeEach(async () => {
    now = t0;
    const names = await dynamo.createTables();
    deps = {
      silences: silencesTable(names.SILENCES_TABLE, dynamo.client),
      random: (bytes) => Buffer.alloc(bytes, (count += 1)),
      now: () => now,
    };
  });
  afterAll(() => dynamo.close());

  const { create, list, end } = silenceCalls(() => deps);

  it('are listed with who and why until they end, by themselves or by somebody', async () => {
    const { silence: one } = await create({ gatewayId: 'gw-1', why: 'disks', forMs: hours });
    now += 1;
    const { silence: two } = await create({ all: true, why: 'network', forMs: 2 * hours });
    expect(one).toEqual({
      tenantId: 'acme',
      silenceId: one.silenceId,
      gatewayId: 'gw-1',
      why: 'disks',
      by: 'tok-1',
      createdAt: t0,
      endsAt: t0 + hours,
    });
    expect(await list()).toEqual([two.silenceId, one.silenceId]);
    now = t0 + hours;
    expect(await list()).toEqual([two.silenceId]);
    const ended = await end(two.silenceId);
    expect(ended.silence).toMatchObject({ endedAt: now, endedBy: 'tok-1' });
    expect(ended).not.toHaveProperty('hadEnded');
    expect(await list()).toEqual([]);
    expect(await list('all')).toEqual([two.silenceId, one.silenceId]);
    now += minutes;
    expect(await end(two.silenceId)).toMatchObject({ silence: { endedAt: t0 + hours }, hadEnded: true });
  });

  it('are another tenant’s own', async () => {
    const { silence } = await create({ all: true, why: 'network', forMs: hours });
    expect(await list('all', 'other')).toEqual([]);
    for (const id of [silence.silenceId, 'si-0000000000000000', '../x'])
      await expect(end(id, 'other')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await list()).toEqual([silence.silenceId]);
  });

  it('name a condition that there is, and are bounded in time and number', async () => {
    await expect(create({ conditionId: 'Oflfine', why: 'w', forMs: hours })).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      hint: 'did you mean Offline?',
    });
    for (const conditionId of ['SiteIncident', 'SharedIncident'])
      await expect(create({ conditionId, why: 'w', forMs: 60_000 })).resolves.toBeDefined();
    // The provider's own are no tenant's.
    for (const conditionId of ['Pattern', 'CellSilent'])
      await expect(create({ conditionId, why: 'w', forMs: 60_000 })).rejects.toMatchObject({
        code: 'INVALID_INPUT',
      });
    now += 60_000;
    for (const body of [
      { why: 'w', forMs: hours },
      { all: true, gatewayId: 'gw-1', why: 'w', forMs: hours },
      { all: true, why: ' ', forMs: hours },
      { all: true, why: 'w', forMs: 31 * 24 * hours },
    ])
      expect(requests.createSilence.safeParse(body).success).toBe(false);
    for (let i = 0; i < 100; i++) await create({ gatewayId: `gw-${i}`, why: 'w', forMs: hours });
    await expect(create({ all: true, why: 'w', forMs: hours })).rejects.toMatchObject({ code: 'CONFLICT' });
    now += hours;
    await create({ all: true, why: 'w', forMs: hours });
  });
});

describe('the status proxy', () => {
  let now: number;
  let stored: Map<string, AlertItem>;
  let events: AlertEvent[];
  let silences: SilenceItem[];
  let configuration: Configuration | undefined;
  let reads: string[];
  let volumes: string[];
  const gateway = gatewayItem();
  beforeEach(() => {
    now = t0;
    stored = new Map();
    events = [];
    silences = [];
    configuration = undefined;
    reads = [];
    volumes = ['vol-1'];
  });

  /** A tick over one gateway whose volumes are so. */
  async function tick(state: 'failed' | 'healthy'): Promise<string[]> {
    const reported = { volumes: volumes.map((volumeId) => volume({ volumeId, state })) };
    const status = statusItem({ receivedAt: now }, reported);
    const deps: TickDeps = {
      alerts: {
        open: async () => [...stored.values()].filter(({ openShard }) => openShard !== undefined),
        get: async (key) => stored.get(key),
        put: async (item) => Boolean(stored.set(item.alertKey, item)),
      },
      fleet: { gateways: () => pagesOf([gateway]), statuses: () => pagesOf([status]) },
      events: {
        put: async (sent) => {
          events.push(...sent);
          return new Set(sent.map(({ eventId }) => eventId));
        },
      },
      holds: {
        silences: async (tenantId) => {
          reads.push(tenantId);
          return silences;
        },
        configurationsOf: async (gatewayIds) => {
          reads.push(...gatewayIds);
          return configured(gatewayIds, () => configuration);
        },
      },
      limits: conditionLimits,
      now: () => now,
      log: silentLog,
    };
    const before = events.length;
    await runTick(deps);
    return events.slice(before).map(({ type }) => type);
  }
  const silence = (named: object) =>
    newSilence(
      { why: 'w', forMs: hours, ...named },
      { tenantId: 'acme', silenceId: 'si-1', by: 'ann', at: now },
    );

  it.each([
    ['the whole tenant', {}],
    ['its gateway', { gatewayId: 'gw-1' }],
    ['its condition', { conditionId: 'VolumeIrrecoverable' }],
    ['its volume on it', { gatewayId: 'gw-1', component: 'vol-1' }],
  ])('tells of nothing while %s is silenced, and of what still fires once it is over', async (_, named) => {
    silences = [silence(named)];
    expect(await tick('failed')).toEqual([]);
    expect([...stored.values()]).toMatchObject([{ state: 'FIRING', heldBy: 'silence/si-1' }]);
    now = t0 + hours - 1;
    expect(await tick('failed')).toEqual([]);
    now = t0 + hours;
    expect(await tick('failed')).toEqual(['firing']);
    expect(await tick('healthy')).toEqual(['resolved']);
  });

  it.each([
    ['another gateway', { gatewayId: 'gw-2' }],
    ['another condition of it', { gatewayId: 'gw-1', conditionId: 'Offline' }],
    ['another volume', { component: 'vol-2' }],
  ])('tells of what fires while %s is silenced', async (_, named) => {
    silences = [silence(named)];
    expect(await tick('failed')).toEqual(['firing']);
  });

  it('keeps to the gateway’s maintenance window, in its own time zone', async () => {
    // t0 is a Sunday, 12:00 UTC.
    configuration = {
      timeZone: 'Europe/Oslo',
      maintenance: [{ days: ['sun'], from: '13:00', to: '14:00' }],
    };
    expect(await tick('failed')).toEqual([]);
    expect([...stored.values()]).toMatchObject([{ heldBy: 'maintenance' }]);
    now = t0 + hours;
    expect(await tick('failed')).toEqual(['firing']);
  });

  it('resolves at once in a window what was told before it, and tells nothing of what came and went in it', async () => {
    expect(await tick('failed')).toEqual(['firing']);
    silences = [silence({})];
    now += minutes;
    expect(await tick('healthy')).toEqual(['resolved']);
    volumes = ['vol-2'];
    expect(await tick('failed')).toEqual([]);
    now += minutes;
    expect(await tick('healthy')).toEqual([]);
    now += hours;
    expect(await tick('healthy')).toEqual([]);
  });

  it('reads no silence and no configuration on a tick that has nothing to tell', async () => {
    expect(await tick('failed')).toEqual(['firing']);
    expect(reads).toEqual(['acme', 'gw-1']);
    now += minutes;
    await tick('failed');
    await tick('healthy');
    expect(reads).toEqual(['acme', 'gw-1']);
  });

  it('tells of a storm in one digest, and writes into each alert which it was', async () => {
    volumes = Array.from({ length: 60 }, (_, i) => `vol-${i}`);
    expect(await tick('failed')).toEqual(['digest']);
    const [{ eventId, digest } = {}] = events;
    expect(digest?.firing).toHaveLength(60);
    expect([...stored.values()].map(({ toldIn, outbox }) => [toldIn, outbox.length])).toEqual(
      Array(60).fill([eventId, 0]),
    );
    now += minutes;
    expect(await tick('failed')).toEqual([]);
    expect(await tick('healthy')).toEqual(['digest']);
    expect(events[1]!.digest).toMatchObject({ firing: [], resolved: Array(60).fill(expect.any(String)) });
  });

  it('says of what comes right after a firing from a digest which digest that was', async () => {
    volumes = Array.from({ length: 60 }, (_, i) => `vol-${i}`);
    await tick('failed');
    const [{ eventId } = {}] = events;
    now += 4 * hours;
    expect(await tick('failed')).toEqual(['digest']);
    // All but two are not reported any more.
    volumes = ['vol-1', 'vol-2'];
    await tick('failed');
    now += minutes;
    expect(await tick('healthy')).toEqual(['resolved', 'resolved']);
    // The firing and its reminder, too, each in a digest of its own.
    for (const event of events.slice(-2))
      expect(event).toMatchObject({ follows: events[1]!.eventId, digestedFromSeq: 1 });
    now += hours;
    expect(await tick('failed')).toEqual(['firing', 'firing']);
    for (const event of events.slice(-2)) expect(event).not.toHaveProperty('follows');
    volumes = Array.from({ length: 60 }, (_, i) => `new-${i}`);
    await tick('failed');
    volumes = ['new-1'];
    now += minutes;
    expect(await tick('healthy')).toEqual(['resolved']);
    const digests = events.filter(({ type }) => type === 'digest');
    expect(events.at(-1)).toMatchObject({ follows: digests.at(-1)!.eventId, digestedFromSeq: 1 });
    now += hours;
    volumes = ['new-1', ...Array.from({ length: 60 }, (_, i) => `newer-${i}`)];
    await tick('failed');
    now += minutes;
    await tick('healthy');
    now += hours;
    volumes = ['new-1'];
    expect(await tick('failed')).toEqual(['firing']);
    // What is right before a firing is a resolve, which came in a digest as its own firing did.
    expect(events.at(-1)).toMatchObject({ seq: 5, follows: events.at(-2)!.eventId, digestedFromSeq: 3 });
    expect(eventId).toBe(digests[0]!.eventId);
  });
});
