import { setTimeout } from 'node:timers/promises';
import type { SilenceItem } from '../../../core/alerts/model.ts';
import { newSilence } from '../../../core/alerts/silences.ts';
import type { Configuration } from '../../../core/configuration/configuration.ts';
import { silentLog, type Log } from '../../../core/log.ts';
import type { ConfigurationItem } from '../../../core/model.ts';
import { dynamoHolds, holdLookup, type HoldSource } from '../../../lambda/alerts/hold-source.ts';
import { configurationsTable, silencesTable } from '../../../lambda/aws/tables.ts';
import { configured } from '../../support/configured.ts';
import { startDynamo } from '../../support/dynamo.ts';
import { hours, t0 } from '../../support/fleet.ts';

// t0 is a Sunday, 12:00 UTC.
const inWindow: Configuration = { maintenance: [{ days: ['sun'], from: '11:00', to: '14:00' }] };
const ids = Array.from({ length: 1_000 }, (_, i) => `gw-${i}`);
const offline = (gatewayId: string) => ({
  ...{ tenantId: 'acme', gatewayId, conditionId: 'Offline', component: '' },
});
const all = ids.map(offline);

let silences: SilenceItem[];
/** What each gateway is set to, as it is stored. */
let stored: (gatewayId: string) => unknown;
let tenantsAsked: string[];
/** Gateways of each request for configurations. */
let requests: number[];
let atOnce: { now: number; most: number };
let logged: unknown[];
const log: Log = (_level, event, fields) => void logged.push([event, fields?.['gatewayId']]);
const source: HoldSource = {
  silences: async (tenantId) => {
    tenantsAsked.push(tenantId);
    return silences.filter((each) => each.tenantId === tenantId);
  },
  configurationsOf: async (gatewayIds) => {
    requests.push(gatewayIds.length);
    atOnce.most = Math.max(atOnce.most, (atOnce.now += 1));
    await setTimeout(1);
    atOnce.now -= 1;
    return configured(gatewayIds, stored);
  },
};
const lookup = () => holdLookup(source, t0, log);
beforeEach(() => {
  silences = [];
  stored = () => undefined;
  [tenantsAsked, requests, logged] = [[], [], []];
  atOnce = { now: 0, most: 0 };
});
const silence = (named: object, silenceId = 'si-1') =>
  newSilence({ why: 'w', forMs: hours, ...named }, { tenantId: 'acme', silenceId, by: 'ann', at: t0 });

test('an alert about many gateways is looked up by its tenant alone: no item has an empty key', async () => {
  const alert = { tenantId: '*', gatewayId: '', conditionId: 'CellSilent', component: 'cell-1' };
  expect(await lookup()([alert])).toBeUndefined();
  expect([tenantsAsked, requests]).toEqual([['*'], []]);
});
test('nobody holds what stands for nothing', async () => {
  expect(await lookup()([])).toBeUndefined();
});

describe('of 1,000 gateways', () => {
  test('no configuration is read where silences decide', async () => {
    silences = [silence({ conditionId: 'Offline' })];
    expect(await lookup()(all)).toBe('silence/si-1');
    expect([tenantsAsked, requests]).toEqual([['acme'], []]);
  });
  test('those that are in their windows are read in few requests, some at once, and once a tick', async () => {
    stored = () => inWindow;
    const holdOf = lookup();
    expect(await holdOf(all)).toBe('maintenance');
    expect(requests.reduce((sum, count) => sum + count)).toBe(1_000);
    expect(requests.length).toBeLessThanOrEqual(12);
    expect(Math.max(...requests)).toBeLessThanOrEqual(100);
    expect(atOnce.most).toBe(4);
    const before = requests.length;
    await Promise.all([holdOf(all), holdOf(all.slice(0, 1)), holdOf([...all].reverse())]);
    expect([tenantsAsked, requests.length]).toEqual([['acme'], before]);
  });
  test('only those that no silence holds are read', async () => {
    stored = () => inWindow;
    silences = ids.slice(3).map((gatewayId, i) => silence({ gatewayId }, `si-${i}`));
    // What it names does not depend on the order, in which a fleet is never read twice.
    expect(await lookup()(all)).toBe('maintenance');
    expect(await lookup()([...all].reverse())).toBe('maintenance');
    expect(requests).toEqual([3, 3]);
  });
  test('a few are read where nobody holds the first of them', async () => {
    expect(await lookup()(all)).toBeUndefined();
    expect(requests).toEqual([16]);
  });
  test('reading ends with the batches that have one whom nobody holds', async () => {
    stored = (gatewayId) => (gatewayId === 'gw-200' ? undefined : inWindow);
    expect(await lookup()(all)).toBeUndefined();
    expect(requests).toEqual([16, 100, 100, 100, 100, 100]);
  });
  test('two incidents that are asked for at the same time read each once', async () => {
    stored = () => inWindow;
    const holdOf = lookup();
    await Promise.all([holdOf(all), holdOf(all.map((each) => ({ ...each, conditionId: 'FsFull' })))]);
    expect(requests.reduce((sum, count) => sum + count)).toBe(1_000);
  });
});

describe('a configuration that is damaged', () => {
  const damages: [string, unknown][] = [
    ['has no windows where it names them', { timeZone: 'UTC', maintenance: null }],
    ['has a window without days', { maintenance: [{ from: '11:00', to: '14:00' }] }],
    ['has a window that is none', { maintenance: [null] }],
    ['has another time zone than there are', { ...inWindow, timeZone: 'Europe/Atlantis' }],
    ['is no object', 'maintenance'],
    ['is null', null],
  ];
  test.each(damages)('%s: it holds nothing, which is logged once', async (_what, damage) => {
    stored = (gatewayId) => (gatewayId === 'gw-3' ? damage : inWindow);
    const holdOf = lookup();
    expect(await holdOf(all)).toBeUndefined();
    expect(await holdOf([offline('gw-3')])).toBeUndefined();
    expect(await holdOf([offline('gw-4')])).toBe('maintenance');
    expect(logged).toEqual([['hold.unreadable', 'gw-3']]);
  });
  test('is not one that a newer agent knows more settings of', async () => {
    stored = () => ({ ...inWindow, logLevel: 'verbose', colour: 'blue' });
    expect(await lookup()(all)).toBe('maintenance');
    expect(logged).toEqual([]);
  });
});

test('what cannot be asked for is thrown: nobody is told of what may be held', async () => {
  const failing = { ...source, configurationsOf: () => Promise.reject(new Error('the store is away')) };
  await expect(holdLookup(failing, t0, silentLog)(all)).rejects.toThrow('the store is away');
});

test('the store answers with what is set, also of gateways by the hundred', async () => {
  const dynamo = await startDynamo();
  try {
    const names = await dynamo.createTables();
    const configurations = configurationsTable(names.CONFIGURATIONS_TABLE, dynamo.client);
    const holds = dynamoHolds({
      silences: silencesTable(names.SILENCES_TABLE, dynamo.client),
      configurations,
    });
    const item = { tenantId: 'acme', version: 1, changes: [] };
    for (const gatewayId of ids.slice(0, 120))
      await configurations.put({ ...item, gatewayId, configuration: inWindow });
    expect(await holdLookup(holds, t0, log)(all.slice(0, 120))).toBe('maintenance');
    await configurations.put({
      ...item,
      gatewayId: 'gw-7',
      configuration: null,
    } as never as ConfigurationItem);
    expect(await holdLookup(holds, t0, log)(all.slice(0, 120))).toBeUndefined();
    expect(await holds.configurationsOf(['gw-1', 'gw-500'])).toEqual(new Map([['gw-1', inWindow]]));
    expect(logged).toEqual([['hold.unreadable', 'gw-7']]);
  } finally {
    await dynamo.close();
  }
});
