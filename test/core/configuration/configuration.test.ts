import { readFileSync } from 'node:fs';
import { settings } from '../../../cli/configuration-text.ts';
import {
  configurationSchema,
  isSameConfiguration,
  type Configuration,
} from '../../../core/configuration/configuration.ts';
import {
  decideDesired,
  nothingHeld,
  receiveDesired,
  standingOf,
} from '../../../core/configuration/configuration-rules.ts';
import { configurationView } from '../../../core/configuration/configuration-view.ts';
import { bandwidthAt, isMaintenance } from '../../../core/configuration/windows.ts';
import type { ConfigurationItem } from '../../../core/model.ts';

const office = { days: ['mon', 'fri'] as ('mon' | 'fri')[], from: '08:00', to: '18:00' };
const night = { days: ['sun'] as 'sun'[], from: '22:00', to: '02:00' };
const at = (text: string): number => Date.parse(text);

describe('a window', () => {
  it('holds from its beginning to before its end, on its days alone', () => {
    const configuration: Configuration = { restoreBandwidth: [{ ...office, bytesPerSec: 5_000 }] };
    // 30 November 2026 is a Monday.
    expect(bandwidthAt(configuration, at('2026-11-30T07:59:59Z'))).toBeUndefined();
    expect(bandwidthAt(configuration, at('2026-11-30T08:00:00Z'))).toBe(5_000);
    expect(bandwidthAt(configuration, at('2026-11-30T17:59:59Z'))).toBe(5_000);
    expect(bandwidthAt(configuration, at('2026-11-30T18:00:00Z'))).toBeUndefined();
    expect(bandwidthAt(configuration, at('2026-12-01T12:00:00Z'))).toBeUndefined();
  });

  it('that ends before it begins is of the day on which it began', () => {
    const maintenance = [night];
    expect(isMaintenance({ maintenance }, at('2026-11-29T23:00:00Z'))).toBe(true);
    expect(isMaintenance({ maintenance }, at('2026-11-30T01:59:00Z'))).toBe(true);
    expect(isMaintenance({ maintenance }, at('2026-11-30T02:00:00Z'))).toBe(false);
    expect(isMaintenance({ maintenance }, at('2026-11-29T01:00:00Z'))).toBe(false);
  });

  it('to 24:00 reaches midnight', () => {
    const maintenance = [{ days: ['mon'] as 'mon'[], from: '00:00', to: '24:00' }];
    expect(isMaintenance({ maintenance }, at('2026-11-30T00:00:00Z'))).toBe(true);
    expect(isMaintenance({ maintenance }, at('2026-11-30T23:59:59Z'))).toBe(true);
    expect(isMaintenance({ maintenance }, at('2026-12-01T00:00:00Z'))).toBe(false);
  });

  it('keeps the hours of its zone when the clocks there change', () => {
    const configuration: Configuration = {
      timeZone: 'Europe/Oslo',
      restoreBandwidth: [{ ...office, bytesPerSec: 5_000 }],
    };
    // 08:30 in Oslo, in winter and in summer.
    expect(bandwidthAt(configuration, at('2026-11-30T07:30:00Z'))).toBe(5_000);
    expect(bandwidthAt(configuration, at('2026-06-29T06:30:00Z'))).toBe(5_000);
    expect(bandwidthAt(configuration, at('2026-11-30T06:30:00Z'))).toBeUndefined();
  });

  it('is outdone by one that stands before it', () => {
    const all = { ...office, from: '00:00', to: '24:00', bytesPerSec: 9_000 };
    const restoreBandwidth = [{ ...office, bytesPerSec: 5_000 }, all];
    expect(bandwidthAt({ restoreBandwidth }, at('2026-11-30T12:00:00Z'))).toBe(5_000);
    expect(bandwidthAt({ restoreBandwidth }, at('2026-11-30T20:00:00Z'))).toBe(9_000);
  });
});

describe('a configuration', () => {
  it.each<[string, unknown]>([
    ['a setting that there is none of', { colour: 'red' }],
    ['a status more often than a minute', { heartbeatIntervalMs: 59_999 }],
    ['a status so rare that the connection is closed', { heartbeatIntervalMs: 540_001 }],
    ['a zone that nobody knows', { timeZone: 'Mars/Olympus' }],
    ['an offset for a zone', { timeZone: '+02:00' }],
    ['a window without a day', { maintenance: [{ ...office, days: [] }] }],
    ['a day twice', { maintenance: [{ ...office, days: ['mon', 'mon'] }] }],
    ['a time that is none', { maintenance: [{ ...office, from: '24:00' }] }],
    ['a window that ends when it begins', { maintenance: [{ ...office, to: '08:00' }] }],
    ['too many windows', { maintenance: Array.from({ length: 9 }, () => office) }],
    ['no windows in a list', { maintenance: [] }],
    ['no bandwidth at all', { restoreBandwidth: [{ ...office, bytesPerSec: 0 }] }],
  ])('does not have %s', (_, given) => {
    expect(configurationSchema.safeParse(given).success).toBe(false);
  });

  it('has each of its settings on its page', () => {
    const page = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');
    const rows = [...page.matchAll(/^\| `([\w-]+)` +\| `(\w+)` +\|/gm)].map(([, name, key]) => [name, key]);
    expect(rows).toEqual(Object.entries(settings).map(([name, { key }]) => [name, key]));
    expect(rows.map(([, key]) => key).sort()).toEqual(Object.keys(configurationSchema.shape).sort());
  });

  it('is the same whatever the order of its keys', () => {
    const one = { logLevel: 'debug', maintenance: [{ days: ['sun'], from: '01:00', to: '02:00' }] };
    const other = { maintenance: [{ to: '02:00', days: ['sun'], from: '01:00' }], logLevel: 'debug' };
    expect(isSameConfiguration(one, other)).toBe(true);
    expect(isSameConfiguration(one, { ...other, logLevel: 'info' })).toBe(false);
  });
});

const by = { kind: 'operator', id: 'op' } as const;
const item = (more: Partial<ConfigurationItem> = {}): ConfigurationItem => ({
  gatewayId: 'gw-1',
  tenantId: 'acme',
  version: 3,
  configuration: { logLevel: 'debug' },
  changes: [{ version: 3, at: 5, by }],
  ...more,
});
const reported = (version: number, outcome: 'applied' | 'refused' = 'applied') => ({
  version,
  outcome,
  at: 7,
  epoch: 1,
});

describe('a change', () => {
  const ask = (more: object = {}) => ({ tenantId: 'acme', configuration: {}, by, at: 9, ...more });

  it('takes the next version and keeps who made it', () => {
    expect(decideDesired(undefined, ask({ configuration: { logLevel: 'info' } }))).toMatchObject({
      do: 'write',
      version: 1,
      update: { when: { is: 'absent', path: 'version' }, set: { changes: [{ version: 1, at: 9, by }] } },
    });
    expect(decideDesired(item(), ask())).toMatchObject({ do: 'write', version: 4 });
  });

  it('to what is desired already changes nothing', () => {
    expect(decideDesired(item(), ask({ configuration: { logLevel: 'debug' } }))).toEqual({
      do: 'nothing',
      version: 3,
    });
    expect(decideDesired(undefined, ask())).toEqual({ do: 'nothing', version: 0 });
  });

  it('is refused over another version than the one that was named', () => {
    expect(decideDesired(item(), ask({ ifVersion: 2 }))).toEqual({ do: 'refuse', version: 3 });
    expect(decideDesired(item(), ask({ ifVersion: 0 }))).toEqual({ do: 'refuse', version: 3 });
    expect(decideDesired(item(), ask({ ifVersion: 3 }))).toMatchObject({ do: 'write' });
    expect(
      decideDesired(undefined, ask({ ifVersion: 0, configuration: { logLevel: 'info' } })),
    ).toMatchObject({
      do: 'write',
    });
  });

  it('goes above what the gateway has, even where that was never desired here', () => {
    const ahead = item({ reported: reported(8) });
    expect(standingOf(ahead)).toBe('ahead');
    expect(decideDesired(ahead, ask({ configuration: { logLevel: 'debug' } }))).toMatchObject({ version: 9 });
  });

  it('keeps the last twenty', () => {
    const changes = Array.from({ length: 20 }, (_, i) => ({ version: i + 1, at: i, by }));
    const decision = decideDesired(item({ version: 20, changes }), ask());
    const kept = decision.do === 'write' ? (decision.update.set?.['changes'] as typeof changes) : [];
    expect(kept.map(({ version }) => version)).toEqual(Array.from({ length: 20 }, (_, i) => i + 2));
  });
});

describe('an agent', () => {
  const held = { version: 5, configuration: { logLevel: 'debug' as const } };

  it('takes a newer version and no older one, and says which it has', () => {
    expect(receiveDesired(held, { version: 6, configuration: { logLevel: 'warn' } })).toEqual({
      next: { version: 6, configuration: { logLevel: 'warn' } },
      report: { version: 6, outcome: 'applied' },
    });
    for (const version of [4, 5])
      expect(receiveDesired(held, { version, configuration: {} })).toEqual({
        report: { version: 5, outcome: 'applied' },
      });
  });

  it('keeps what it has where it cannot take the newer one, says why, and takes none in between', () => {
    const { next, report } = receiveDesired(held, {
      version: 7,
      configuration: { timeZone: 'Mars/Olympus' },
    });
    expect(next).toMatchObject({ ...held, refused: { version: 7 } });
    expect(report).toMatchObject({
      version: 7,
      outcome: 'refused',
      problems: [expect.stringContaining('timeZone')],
    });
    expect(receiveDesired(next!, { version: 6, configuration: {} }).next).toBeUndefined();
    expect(receiveDesired(next!, { version: 8, configuration: {} }).next).toEqual({
      version: 8,
      configuration: {},
    });
  });

  it('looks again at what it refused: it may know more than it did', () => {
    const refused = { ...held, refused: { version: 7, problems: ['unknown'] } };
    expect(receiveDesired(refused, { version: 7, configuration: { logLevel: 'info' } })).toEqual({
      next: { version: 7, configuration: { logLevel: 'info' } },
      report: { version: 7, outcome: 'applied' },
    });
  });

  it('begins with nothing, which is no version', () => {
    expect(receiveDesired(nothingHeld, { version: 1, configuration: {} }).next?.version).toBe(1);
  });
});

test('the view says where a gateway stands, and keeps its connections to itself', () => {
  expect(configurationView('gw-1', undefined, 0)).toMatchObject({
    state: 'in-sync',
    desired: { version: 0, configuration: {} },
  });
  expect(configurationView('gw-1', item(), 0).state).toBe('waiting');
  const view = configurationView('gw-1', item({ reported: reported(3, 'refused') }), 0);
  expect(view).toMatchObject({ state: 'refused', desired: { changedAt: 5, changedBy: by } });
  expect(JSON.stringify(view)).not.toContain('epoch');
});
