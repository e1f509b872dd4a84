import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startFakeApi, type FakeApi } from './fake-api.ts';

let api: FakeApi;
beforeAll(async () => void (api = await startFakeApi()));
afterAll(() => api.close());
const bulk = {
  bulkId: 'b'.repeat(32),
  tenantId: 'acme',
  kind: 'probe',
  params: {},
  select: { all: true },
  concurrency: 50,
  waves: [1, '10%'],
  abortAfter: '5%',
  whenOffline: 'queue',
  state: 'PARTIAL',
  counts: { SUCCEEDED: 8, FAILED: 1, EXPIRED: 1 },
  submittedBy: { kind: 'operator', id: 'op' },
  createdAt: 0,
  startedAt: 940_000,
  expiresAt: 4_000_000,
  endedAt: 1_000_000,
};
beforeEach(() => {
  api.requests = [];
  api.answer = { status: 200, body: { bulk } };
});
const sent = () => JSON.parse(api.requests[0]?.body ?? 'null') as unknown;

test('flags become the body of a bulk send', async () => {
  const flags =
    '--where name=oslo-* --where agentVersion=0.1.0 --rate 100/m --concurrency 20 --waves 1,10%,100%';
  const more = '--abort-after 5% --expires 30m --refuse-offline --no-wait -p echo=hi';
  await api.run(['bulk', 'send', 'probe', ...`${flags} ${more}`.split(' '), ...api.asTenant()]);
  expect(api.requests[0]).toMatchObject({ method: 'POST', url: '/v1/bulk-sends' });
  expect(sent()).toEqual({
    kind: 'probe',
    params: { echo: 'hi' },
    where: { name: 'oslo-*', agentVersion: '0.1.0' },
    rate: '100/m',
    concurrency: 20,
    waves: [1, '10%', '100%'],
    abortAfter: '5%',
    expiresInMs: 1_800_000,
    whenOffline: 'refuse',
    idempotencyKey: expect.any(String),
  });
});

test('gateways come from a file or from standard input, an id a line', async () => {
  const file = join(api.dir, 'gateways.txt');
  writeFileSync(file, 'gw-1\n\ngw-2\n');
  await api.run(['bulk', 'send', 'probe', '--gateways', file, '--no-wait', ...api.asTenant()]);
  expect(sent()).toMatchObject({ gatewayIds: ['gw-1', 'gw-2'] });
  api.requests = [];
  await api.run(['bulk', 'send', 'probe', '--gateways', '-', '--no-wait', ...api.asTenant()], {
    stdin: 'gw-3',
  });
  expect(sent()).toMatchObject({ gatewayIds: ['gw-3'] });
});

test.each([
  [[], 'USAGE', 'say which gateways'],
  [['--all', '--where', 'name=a'], 'USAGE', 'say which gateways'],
  [
    ['--where', 'name=a', '--where', 'agentVersion=1', '--where', 'name=b'],
    'USAGE',
    '--where name=… is there twice',
  ],
  [['--where', 'color=red'], 'USAGE', 'neither name=… nor agentVersion=…'],
  [['--all', '--abort-after', 'some'], 'USAGE', '--abort-after "some"'],
  [['--all', '--waves', '1,x'], 'USAGE', '--waves "x"'],
  [['--all', '--concurrency', 'ten'], 'USAGE', '--concurrency "ten"'],
  [['--gateways', '/none'], 'NOT_FOUND', '/none cannot be read'],
  [['--gateways', '-', '--params', '-'], 'USAGE', 'cannot both be standard input'],
])('%j is refused in one line, and nothing is sent', async (flags, code, words) => {
  const { err } = await api.run(['bulk', 'send', 'probe', ...flags, ...api.asTenant()]);
  expect(err).toMatch(new RegExp(`^error: ${code}: .* — .+\n$`));
  expect(err).toContain(words);
  expect(api.requests).toEqual([]);
});

test('what the API refuses is named by its flag', async () => {
  const message = 'waves come with abortAfter: without it nothing would stop the next wave';
  api.answer = { status: 400, body: { error: { code: 'INVALID_INPUT', message, hint: 'correct it' } } };
  const { err } = await api.run(['bulk', 'send', 'probe', '--all', '--waves', '1', ...api.asTenant()]);
  expect(err).toBe(
    'error: INVALID_INPUT: --waves come with --abort-after: without it nothing would stop the next wave — correct it\n',
  );
});

test('a list of more than ten thousand gateways is refused', async () => {
  const stdin = 'gw-1\n'.repeat(10_001);
  const { code, err } = await api.run(['bulk', 'send', 'probe', '--gateways', '-', ...api.asTenant()], {
    stdin,
  });
  expect([code, api.requests]).toEqual([81, []]);
  expect(err).toContain('at most 10000');
});

test('one that did not succeed everywhere fails, with where to look', async () => {
  const { code, err, out } = await api.run(['bulk', 'send', 'probe', '--all', ...api.asTenant()]);
  expect(code).toBe(1);
  expect(err).toContain('PARTIAL  10 of 10 done (100 %), 2 failed, 10.0/min\n');
  expect(err).toMatch(
    /error: STEP_FAILED: bulk send PARTIAL: 8 of 10 gateways succeeded — .*holdfast bulk targets b+/,
  );
  expect(out).toMatch(/^FAILED +1$/m);
});

test('a bulk send that runs shows its progress, its rate and the time that is left', async () => {
  const running = { ...bulk, state: 'RUNNING', endedAt: undefined, counts: { WAITING: 3, SUCCEEDED: 1 } };
  api.answer.body = { bulk: running };
  const { out } = await api.run(['bulk', 'show', bulk.bulkId, ...api.asTenant()]);
  expect(out).toMatch(/^progress +1 of 4 done \(25 %\), 0 failed, 1.0\/min, about 3m left$/m);
});

test('a gateway that a stopped bulk send skipped is neither done nor part of the rate', async () => {
  const stopped = { ...bulk, state: 'CANCELED', counts: { SUCCEEDED: 2, SKIPPED: 8 } };
  api.answer.body = { bulk: stopped, bulks: [stopped] };
  const shown = await api.run(['bulk', 'show', bulk.bulkId, ...api.asTenant()]);
  expect(shown.out).toMatch(/^progress +2 of 10 done \(20 %\), 0 failed, 8 skipped, 2.0\/min$/m);
  expect((await api.run(['bulk', 'list', ...api.asTenant()])).out).toContain(' 2/10 ');
});

test('bulk sends and targets fit a terminal of 80 columns', async () => {
  api.answer.body = { bulks: [{ ...bulk, kind: 'snapshot.create' }] };
  const list = await api.run(['bulk', 'list', ...api.asTenant()]);
  expect(Math.max(...list.out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(list.out).toContain('10/10');
  const reason = 'OFFLINE: gateway gw-8c09f5cd3c94dda14112 is not connected, and the command was not to wait';
  const row = { gatewayId: 'gw-8c09f5cd3c94dda14112', position: 0, state: 'UNREACHABLE', reason };
  api.answer.body = { targets: [row] };
  const targets = await api.run(['bulk', 'targets', bulk.bulkId, ...api.asTenant()]);
  expect(Math.max(...targets.out.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(targets.out.replace(/\s+/g, ' ')).toContain(reason);
});

test('canceling asks for it and shows what it came to', async () => {
  api.answer.body = { bulk: { ...bulk, state: 'CANCELING', endedAt: undefined } };
  const { out } = await api.run(['bulk', 'cancel', bulk.bulkId, ...api.asTenant()]);
  expect(api.requests[0]).toMatchObject({ method: 'POST', url: `/v1/bulk-sends/${bulk.bulkId}/cancel` });
  expect(out).toMatch(/^state +CANCELING$/m);
});
