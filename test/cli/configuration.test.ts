import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Configuration } from '../../core/configuration/configuration.ts';
import type { ConfigurationView } from '../../core/configuration/configuration-view.ts';
import { startFakeApi, type FakeApi } from './fake-api.ts';

let api: FakeApi;
beforeAll(async () => void (api = await startFakeApi()));
afterAll(() => api.close());
beforeEach(() => {
  api.requests = [];
});

const view = (configuration: Configuration, more: Partial<ConfigurationView> = {}): ConfigurationView => ({
  gatewayId: 'gw-1',
  state: 'waiting',
  desired: { version: 3, configuration, changedAt: 0, changedBy: { kind: 'operator', id: 'op' } },
  changes: [],
  isMaintenance: false,
  ...more,
});
const answering = (configuration: ConfigurationView) =>
  void (api.answer = { status: 200, body: { configuration } });
const configure = (...args: string[]) =>
  api.run(['gateways', 'configure', 'gw-1', ...args, ...api.asTenant()]);
const sent = () =>
  JSON.parse(api.requests.at(-1)!.body) as { configuration: Configuration; ifVersion?: number };

describe('gateways configure', () => {
  it('changes what is named and leaves the rest, over the version that it read', async () => {
    answering(view({ logLevel: 'debug', timeZone: 'Europe/Oslo' }));
    const set = ['--set', 'heartbeat-interval=2m', '--set', 'log-level=warn', '--unset', 'time-zone'];
    expect(await configure(...set)).toMatchObject({ code: 0 });
    expect(api.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET /v1/gateways/gw-1/configuration',
      'PUT /v1/gateways/gw-1/configuration',
    ]);
    expect(sent()).toEqual({
      configuration: { heartbeatIntervalMs: 120_000, logLevel: 'warn' },
      ifVersion: 3,
    });
  });

  it('reads windows as they are said', async () => {
    answering(view({}));
    const bandwidth = 'restore-bandwidth=mon-fri 08:00-18:00 10MiB; sat,sun 00:00-24:00 1.5GiB/s';
    await configure('--set', bandwidth, '--set', 'maintenance=fri-mon 22:00-02:00; daily 03:00-04:00');
    const { restoreBandwidth, maintenance } = sent().configuration;
    expect(restoreBandwidth).toEqual([
      { days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '18:00', bytesPerSec: 10 * 2 ** 20 },
      { days: ['sat', 'sun'], from: '00:00', to: '24:00', bytesPerSec: 1.5 * 2 ** 30 },
    ]);
    expect(maintenance).toEqual([
      { days: ['mon', 'fri', 'sat', 'sun'], from: '22:00', to: '02:00' },
      { days: ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'], from: '03:00', to: '04:00' },
    ]);
  });

  it('puts a file as a whole, over the version that it is told', async () => {
    answering(view({}));
    const file = join(api.dir, 'gateway.json');
    writeFileSync(file, '{"logLevel":"error"}');
    expect(await configure('--file', file, '--if-version', '0')).toMatchObject({ code: 0 });
    expect(sent()).toEqual({ configuration: { logLevel: 'error' }, ifVersion: 0 });
    expect(api.requests).toHaveLength(1);
  });

  it('changes it again over what another has made of it meanwhile, unless a version was named', async () => {
    const conflict = { status: 409, body: { error: { code: 'CONFLICT', message: 'version 4 by now' } } };
    const script = () => {
      const versions = api.requests.filter(({ method }) => method === 'GET').length + 2;
      if (api.requests.at(-1)?.method === 'PUT' && versions === 3) return conflict;
      const desired = { version: versions, configuration: { logLevel: 'info' as const } };
      return { status: 200, body: { configuration: view({}, { desired }) } };
    };
    api.answer = Object.defineProperties({} as FakeApi['answer'], {
      status: { get: () => script().status },
      body: { get: () => script().body },
    });
    expect(await configure('--set', 'heartbeat-interval=3m')).toMatchObject({ code: 0 });
    expect(sent()).toEqual({
      configuration: { logLevel: 'info', heartbeatIntervalMs: 180_000 },
      ifVersion: 4,
    });
    api.requests = [];
    expect(await configure('--set', 'heartbeat-interval=3m', '--if-version', '3')).toMatchObject({
      code: 79,
    });
  });

  it.each([
    ['nothing', [], 64, '--set and --unset, or --file'],
    ['both ways', ['--set', 'log-level=info', '--file', 'x'], 64, 'either'],
    ['a setting that there is none of', ['--set', 'colour=red'], 64, 'the settings are heartbeat-interval'],
    ['no value', ['--set', 'log-level'], 64, '--set "log-level" is not name=value'],
    [
      'a setting that is there twice',
      ['--set', 'log-level=info', '--set', 'log-level=warn'],
      64,
      '--set log-level=… is there twice',
    ],
    [
      'a setting that is set and unset',
      ['--set', 'log-level=info', '--unset', 'log-level'],
      64,
      'log-level is behind --set and behind --unset',
    ],
    [
      'a value that is none of those',
      ['--set', 'log-level=loud'],
      65,
      '--set log-level is "loud", not one of debug, info, warn, error',
    ],
    [
      'an interval that is too short',
      ['--set', 'heartbeat-interval=10s'],
      64,
      '--set heartbeat-interval is at least 60s — write --set heartbeat-interval=60s',
    ],
    [
      'a window without a rate',
      ['--set', 'restore-bandwidth=daily 01:00-02:00'],
      65,
      '--set restore-bandwidth: "daily 01:00-02:00" is no window — write it like "mon-fri 08:00-18:00 10MiB"',
    ],
    [
      'a day that there is none of',
      ['--set', 'restore-bandwidth=noday 01:00-02:00 1MiB'],
      65,
      '--set restore-bandwidth: "noday 01:00-02:00 1MiB" is no window',
    ],
    ['a day of no week', ['--set', 'maintenance=noday 01:00-02:00'], 65, 'days are mon, tue'],
    [
      'a time that there is none of',
      ['--set', 'maintenance=sun 01:00-02:00; mon 01:00-25:00'],
      65,
      '--set maintenance, end of window 2 is "25:00", not a time of day from 00:00 to 24:00',
    ],
    [
      'a rate that is too low',
      ['--set', 'restore-bandwidth=daily 01:00-02:00 1B'],
      65,
      '--set restore-bandwidth, rate in bytes a second of window 1 is 1, at least 1024 is allowed',
    ],
    [
      'a zone that there is none of',
      ['--set', 'time-zone=Mars/Olympus'],
      65,
      '--set time-zone: a time zone such as Europe/Oslo',
    ],
    ['a version that is none', ['--set', 'log-level=info', '--if-version', 'x'], 64, 'whole number'],
    ['a file that is not there', ['--file', '/nowhere/x.json'], 66, 'cannot be read'],
  ])('refuses %s and sends nothing', async (_, args, code, says) => {
    answering(view({}));
    const run = await configure(...args);
    expect(run).toMatchObject({ code, err: expect.stringContaining(says) });
    expect(run.err.trim().split('\n')).toHaveLength(1);
    expect(api.requests.filter(({ method }) => method === 'PUT')).toEqual([]);
  });
});

describe('gateways configuration', () => {
  const shown = async (given: ConfigurationView) => {
    answering(given);
    return (await api.run(['gateways', 'configuration', 'gw-1', ...api.asTenant()])).out;
  };
  const reported = (version: number, outcome: 'applied' | 'refused', problems?: string[]) => ({
    version,
    outcome,
    at: 0,
    ...(problems ? { problems } : {}),
  });

  it('says whether the gateway is as it is desired, and if not why', async () => {
    expect(await shown(view({}))).toMatch(/^state +waiting for the gateway$/m);
    expect(await shown(view({}, { reported: reported(2, 'applied') }))).toContain('which has version 2');
    expect(await shown(view({}, { state: 'in-sync', reported: reported(3, 'applied') }))).toContain(
      'in sync since 1970-01-01 00:00:00Z',
    );
    const refused = reported(3, 'refused', ['timeZone: no such zone']);
    expect(await shown(view({}, { state: 'refused', reported: refused }))).toContain(
      'refused: time-zone: no such zone',
    );
    expect(await shown(view({}, { state: 'ahead', reported: reported(9, 'applied') }))).toContain(
      'set it again',
    );
  });

  it('shows each setting as it is typed', async () => {
    const days: ('mon' | 'tue' | 'wed')[] = ['mon', 'tue', 'wed'];
    const window = { days, from: '22:00', to: '02:00' };
    const text = await shown(
      view(
        {
          heartbeatIntervalMs: 120_000,
          logLevel: 'debug',
          timeZone: 'Europe/Oslo',
          restoreBandwidth: [{ ...window, bytesPerSec: 10 * 2 ** 20 }],
          maintenance: [{ ...window, days: ['sat', 'sun'] }],
        },
        { isMaintenance: true },
      ),
    );
    expect(text).toMatch(/^heartbeat-interval +120s$/m);
    expect(text).toMatch(/^restore-bandwidth +mon-wed 22:00-02:00 10MiB$/m);
    expect(text).toMatch(/^maintenance +sat,sun 22:00-02:00$/m);
    // As it stands there it can be typed again.
    answering(view({}));
    const typedAgain = /restore-bandwidth +(.*)/.exec(text)![1]!;
    await configure('--set', `restore-bandwidth=${typedAgain}`);
    expect(sent().configuration.restoreBandwidth).toEqual([{ ...window, bytesPerSec: 10 * 2 ** 20 }]);
    expect(text).toMatch(/^maintenance now +yes$/m);
    expect(text).toMatch(/^changed by +operator op, 1970/m);
  });
});

it('gateways show --watch asks for faster reports and shows each change until it is interrupted', async () => {
  const beats = () => api.requests.filter(({ method }) => method === 'GET').length;
  const body = () => ({
    isReached: true,
    everyMs: 2_000,
    forMs: 60_000,
    gateway: {
      gatewayId: 'gw-1',
      tenantId: 'acme',
      name: `look ${beats()}`,
      status: 'active',
      createdAt: 0,
      connection: { state: 'connected', cellId: 'cell-1' },
      key: { generation: 1, fingerprint: 'f0', since: 0 },
    },
  });
  api.answer = Object.defineProperties({} as FakeApi['answer'], {
    status: { value: 200 },
    body: { get: body },
  });
  const enough = Promise.withResolvers<void>();
  const run = api.run(['gateways', 'show', 'gw-1', '--watch', ...api.asTenant()], {
    interrupted: () => enough.promise,
  });
  while (beats() < 2) await new Promise((resolve) => setTimeout(resolve, 10));
  enough.resolve();
  const { code, out } = await run;
  expect(code).toBe(0);
  expect(api.requests[0]).toMatchObject({ method: 'POST', url: '/v1/gateways/gw-1/watch' });
  expect(api.requests.filter(({ method }) => method === 'POST')).toHaveLength(1);
  expect(out).toContain('look 1');
  expect(out).toContain('look 2');
});
