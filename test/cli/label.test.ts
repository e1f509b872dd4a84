import { startFakeApi, type FakeApi } from './fake-api.ts';

let api: FakeApi;
beforeAll(async () => void (api = await startFakeApi()));
afterAll(() => api.close());
beforeEach(() => {
  api.requests = [];
  api.bodies = { '/v1/gateways/gw-1': gateway({ site: 'hq', region: 'south' }) };
});

const gateway = (labels?: object) => ({ gateway: { gatewayId: 'gw-1', ...(labels ? { labels } : {}) } });
const label = (...argv: string[]) => api.run(['gateways', 'label', 'gw-1', ...argv, ...api.asTenant()]);
const puts = () => api.requests.filter(({ method }) => method !== 'GET').map(({ body }) => JSON.parse(body));

test('labels are sent by name, and others than those that there are are refused here', async () => {
  api.answer.body = gateway({ site: 'Oslo 1', region: 'north' });
  const { out } = await label('site=Oslo 1', 'region=north');
  expect(puts()).toEqual([{ site: 'Oslo 1', region: 'north' }]);
  expect(out).toBe('gw-1: site Oslo 1, region north\n');
  api.requests = [];
  expect((await label('town=Oslo')).err).toContain('town');
  expect(api.requests).toEqual([]);
});

test('without labels it shows those that there are, and changes nothing', async () => {
  expect(await label()).toMatchObject({ code: 0, out: 'gw-1: site hq, region south\n' });
  expect(JSON.parse((await label('--json')).out)).toEqual(gateway({ site: 'hq', region: 'south' }));
  api.bodies = { '/v1/gateways/gw-1': gateway() };
  expect((await label()).out).toBe('gw-1: no labels\n');
  expect(puts()).toEqual([]);
});

test('what is removed is said, also where all are', async () => {
  api.answer.body = gateway({ region: 'north' });
  expect((await label('region=north')).out).toBe('gw-1: region north\nremoved: site hq\n');
  expect(JSON.parse((await label('region=north', '--json')).out)).toMatchObject({ removed: { site: 'hq' } });
  api.answer.body = gateway({});
  expect((await label('--none')).out).toBe('gw-1: no labels\nremoved: site hq, region south\n');
  expect(puts().at(-1)).toEqual({});
});

test.each([
  [['region=north', 'region=south'], 'label region=… is there twice'],
  [['--none', 'region=north'], 'labels are given beside --none'],
  [['north'], '"north" is no label'],
])('of %j nobody knows what is meant, and nothing is sent', async (argv, said) => {
  expect(await label(...argv)).toMatchObject({ code: 64, err: expect.stringContaining(said) });
  expect(api.requests).toEqual([]);
});
