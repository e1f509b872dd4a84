import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { startFakeApi, type FakeApi } from './fake-api.ts';

let api: FakeApi;
beforeAll(async () => void (api = await startFakeApi()));
afterAll(() => api.close());
beforeEach(() => void (api.requests = []));

const run = (state: string, more: object = {}) => {
  api.answer.body = {
    command: { gatewayId: 'gw-1', commandId: 'c1', kind: 'diagnostics.collect', state, ...more },
  };
  return api.run(['gateways', 'diagnose', 'gw-1', '--out', join(api.dir, 'out'), ...api.asTenant()]);
};

it('asks for a bundle that expires when nobody waits for it any more', async () => {
  await run('EXPIRED');
  expect(JSON.parse(api.requests[0]!.body)).toEqual({
    kind: 'diagnostics.collect',
    expiresInMs: 300_000,
    idempotencyKey: expect.any(String),
  });
});

it('says of a gateway that did not connect where to look, and leaves no file', async () => {
  const again = api.asTenant().join(' ');
  expect(await run('EXPIRED')).toEqual({
    code: 85,
    out: '',
    err: `error: OFFLINE: gateway gw-1 did not connect within 5m — \`npx holdfast gateways show gw-1 ${again}\` says when it was last seen\n`,
  });
  expect(readdirSync(api.dir)).not.toContain('out');
});

it.each([
  ['QUEUED', 85, 'OFFLINE: gateway gw-1 did not connect within 5m — '],
  ['RUNNING', 75, 'TIMEOUT: command c1 is still RUNNING — it goes on: '],
])('says of a command that is %s when the time is over whether it goes on', async (state, code, words) => {
  let time = 0;
  const options = { now: () => (time += 200_000), interrupted: () => new Promise<void>(() => undefined) };
  const command = { gatewayId: 'gw-1', commandId: 'c1', kind: 'diagnostics.collect', state };
  api.answer.body = { command };
  const argv = ['gateways', 'diagnose', 'gw-1', '--json', '--out', join(api.dir, 'out'), ...api.asTenant()];
  expect(await api.run(argv, options)).toMatchObject({
    code,
    err: expect.stringMatching(`^error: ${words}`),
  });
});

it('says why the gateway failed, and leaves no file', async () => {
  const error = { code: 'UNAVAILABLE', message: 'no credentials for S3 after 120 s', hint: 'see the cell' };
  expect(await run('FAILED', { outcome: { status: 'FAILED', error } })).toMatchObject({
    code: 1,
    err: 'error: STEP_FAILED: diagnostics.collect FAILED: UNAVAILABLE: no credentials for S3 after 120 s — see the cell\n',
  });
  expect(readdirSync(api.dir)).not.toContain('out');
});
