import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startFakeApi, type FakeApi } from './fake-api.ts';

let api: FakeApi;
beforeAll(async () => void (api = await startFakeApi()));
afterAll(() => api.close());
beforeEach(() => {
  api.requests = [];
  api.bodies = {};
});

const url = 'https://ops.example.com/holdfast';
const queueUrl = 'https://sqs.eu-north-1.amazonaws.com/123456789012/holdfast-alerts-acme';
const filter = { severities: ['critical'], conditionIds: ['FsFull'] };
const confirmed = { tenantId: 'acme', subscriptionId: 'hook', state: 'confirmed', createdAt: 0 };
const hook = { ...confirmed, kind: 'webhook', url, filter };

/** What `alerts subscribe hook …` sends and prints where `known` is there. */
async function subscribe(known: object[], argv: string[], secret?: string) {
  api.bodies = { '/v1/subscriptions': { subscriptions: known, namePrefix: 'holdfast-alerts-acme' } };
  api.answer = { status: 200, body: { subscription: hook, ...(secret ? { secret } : {}) } };
  const run = await api.run(['alerts', 'subscribe', 'hook', ...argv, ...api.asTenant()]);
  const put = api.requests.find(({ method }) => method === 'PUT');
  return { ...run, put: put && (JSON.parse(put.body) as unknown) };
}

test.each<[string, string[], object | undefined]>([
  ['nothing', [], filter],
  ['a severity', ['--severity', 'warning'], { severities: ['warning'], conditionIds: ['FsFull'] }],
  ['no filter', ['--no-filter'], undefined],
  ['no filter but one list', ['--no-filter', '--severity', 'info'], { severities: ['info'] }],
])(
  'again, with %s named, a webhook keeps its secret and what is not named of its filter',
  async (_, argv, then) => {
    const { code, put, out } = await subscribe([hook], ['--webhook', url, ...argv]);
    expect([code, put]).toEqual([0, { kind: 'webhook', url, ...(then ? { filter: then } : {}) }]);
    if (argv.includes('--no-filter')) expect(out).not.toContain('kept:');
    else expect(out).toMatch(/^kept: .*FsFull as before; --no-filter drops what is not named$/m);
  },
);

test('again with a file for its secret, it says that the secret stays, and makes no file', async () => {
  const file = join(api.dir, 'again.secret');
  const { code, out } = await subscribe([hook], ['--webhook', url, '--secret-out', file]);
  expect([code, existsSync(file)]).toEqual([0, false]);
  expect(out).toContain(
    'its secret stays as it is; to have another:\n  npx holdfast alerts rotate-secret hook',
  );
});

test.each<[string, object[]]>([
  ['is new', []],
  ['has another URL', [{ ...hook, url: `${url}/2` }]],
  ['is not confirmed yet', [{ ...hook, state: 'pending' }]],
  ['is of another kind', [{ ...confirmed, kind: 'sqs', queueUrl }]],
])('a webhook that %s needs a file for its secret, before anything is sent', async (_, known) => {
  const { code, err, put } = await subscribe(known, ['--webhook', url]);
  expect([code, put]).toEqual([64, undefined]);
  expect(err).toContain('--webhook needs --secret-out');
  const file = join(api.dir, `${known.length}-${JSON.stringify(known).length}.secret`);
  expect((await subscribe(known, ['--webhook', url, '--secret-out', file], 'whsec_1')).code).toBe(0);
  expect(readFileSync(file, 'utf8')).toBe('whsec_1\n');
});

test('a target that waits for its challenge keeps its own filter, another one that of the target in use', async () => {
  const next = { kind: 'sqs', queueUrl, filter: { severities: ['info'] }, createdAt: 0, expiresAt: 9 };
  const known = [{ ...hook, next }];
  const { put: again } = await subscribe(known, ['--queue', queueUrl]);
  expect(again).toMatchObject({ filter: next.filter });
  api.requests = [];
  expect((await subscribe(known, ['--queue', `${queueUrl}_2`])).put).toMatchObject({ filter });
});

test('a secret that comes all the same is not lost without a word', async () => {
  const { out } = await subscribe([hook], ['--webhook', url], 'whsec_1');
  expect(out).toContain('it has a new secret that nobody has');
});

test('another secret goes into the file behind --secret-out, or --out as it was called, and not both', async () => {
  api.answer.body = { subscription: hook, secret: 'whsec_2' };
  const rotate = (...argv: string[]) =>
    api.run(['alerts', 'rotate-secret', 'hook', ...argv, ...api.asTenant()]);
  for (const flag of ['--secret-out', '--out']) {
    const file = join(api.dir, `rotated${flag}`);
    expect((await rotate(flag, file)).code).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe('whsec_2\n');
  }
  for (const both of [
    ['--out', 'a', '--secret-out', 'b'],
    ['--secret-out', 'b', '--out', 'a'],
  ])
    expect(await rotate(...both)).toMatchObject({
      code: 64,
      err: expect.stringContaining(`${both[2]} is there twice`),
    });
  const none = await rotate();
  expect([none.code, none.err]).toEqual([64, expect.stringContaining("'--secret-out <file>' not specified")]);
  expect((await api.run(['alerts', 'rotate-secret', '--help'])).out).not.toMatch(/ --out/);
});
