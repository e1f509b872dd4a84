import { startFakeApi, type FakeApi } from './fake-api.ts';

let api: FakeApi;
beforeAll(async () => void (api = await startFakeApi()));
afterAll(() => api.close());
beforeEach(() => {
  api.requests = [];
});

it('fleet drain goes on until every connection was told, and says how many', async () => {
  const pages = [
    { told: 400, gone: 1, next: 'gw-7' },
    { told: 23, gone: 0 },
  ];
  api.answer = Object.defineProperties({} as FakeApi['answer'], {
    status: { value: 200 },
    body: { get: () => pages[api.requests.length - 1] },
  });
  const { code, out } = await api.runAsOperator('fleet', 'drain', 'cell-1', '--deadline', '30m');
  expect([code, out]).toEqual([
    0,
    'cell-1 lets nobody in; 423 connections were told to go elsewhere, 1 had left already\n',
  ]);
  expect(api.requests.map(({ method, url, body }) => [method, url, JSON.parse(body)])).toEqual([
    ['POST', '/operator/v1/cells/cell-1/drain', { deadlineMs: 1_800_000 }],
    ['POST', '/operator/v1/cells/cell-1/drain', { deadlineMs: 1_800_000, next: 'gw-7' }],
  ]);
});

it('fleet drain says when nobody is left, and --undo lets gateways in again', async () => {
  api.answer = { status: 200, body: { cellId: 'cell-1', told: 0, gone: 0 } };
  expect((await api.runAsOperator('fleet', 'drain', 'cell-1')).out).toContain('holds no connection any more');
  expect((await api.runAsOperator('fleet', 'drain', 'cell-1', '--undo')).out).toContain(
    'lets gateways in again',
  );
  expect(api.requests.at(-1)).toMatchObject({ method: 'DELETE', url: '/operator/v1/cells/cell-1/drain' });
});

it('fleet cells shows which are being emptied, since when and by whom', async () => {
  const webSocketUrl = 'wss://x/v1';
  const cells = [
    { cellId: 'cell-1', webSocketUrl, draining: { since: 0, by: 'op' } },
    { cellId: 'cell-2', webSocketUrl },
  ];
  api.answer = { status: 200, body: { cells } };
  const { out } = await api.runAsOperator('fleet', 'cells');
  expect(out).toMatch(/^cell-1 +draining since 1970-01-01 00:00:00Z, by op/m);
  expect(out).toMatch(/^cell-2 +open/m);
});

it.each([
  ['a tenant', ['fleet', 'drain', 'cell-1'], 77, 'for operators'],
  ['a deadline that is too short', ['fleet', 'drain', 'cell-1', '--deadline', '1s'], 64, 'at least 10s'],
  [
    'a deadline for an end',
    ['fleet', 'drain', 'cell-1', '--undo', '--deadline', '1m'],
    64,
    'takes no --deadline',
  ],
])('refuses %s and sends nothing', async (who, argv, code, says) => {
  const run =
    who === 'a tenant' ? await api.run([...argv, ...api.asTenant()]) : await api.runAsOperator(...argv);
  expect(run).toMatchObject({ code, err: expect.stringContaining(says) });
  expect(api.requests).toEqual([]);
});
