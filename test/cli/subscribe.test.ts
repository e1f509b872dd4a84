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

test.each<[string, object, string[], object]>([
  [
    'webhook',
    hook,
    ['--severity', 'info'],
    { kind: 'webhook', url, filter: { ...filter, severities: ['info'] } },
  ],
  ['webhook', hook, ['--no-filter'], { kind: 'webhook', url }],
  [
    'queue',
    { ...confirmed, kind: 'sqs', queueUrl },
    ['--condition', 'Offline'],
    { kind: 'sqs', queueUrl, filter: { conditionIds: ['Offline'] } },
  ],
])('a filter alone is for the target in use, which stays as it is: a %s', async (_, known, argv, then) => {
  const { code, put, out } = await subscribe([known], argv);
  expect([code, put]).toEqual([0, then]);
  expect(out).not.toContain('challenge');
});

test('without a target it says so where there is none yet, nothing else is named, or two may be meant', async () => {
  const next = { kind: 'sqs', queueUrl, createdAt: 0, expiresAt: 9 };
  for (const [known, argv, said] of [
    [[], ['--severity', 'info'], 'no target is given — write one of --queue'],
    [[hook], [], 'no target is given — write one of --queue'],
    [[{ ...hook, next }], ['--severity', 'info'], `name the target whose filter is meant: ${queueUrl}`],
  ] as const)
    expect(await subscribe([...known], [...argv])).toMatchObject({
      ...{ code: 64, put: undefined },
      err: expect.stringContaining(said),
    });
});

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

describe('`alerts subscriptions`', () => {
  const now = 10_000_000;
  const list = async (...known: object[]) => {
    api.bodies = {};
    api.answer.body = { subscriptions: known, namePrefix: 'holdfast-alerts-acme' };
    const { out } = await api.run(['alerts', 'subscriptions', ...api.asTenant()], { now: () => now });
    return out;
  };
  const healthOf = (out: string) => /^hook +webhook +confirmed +(.+)$/m.exec(out)?.[1];
  const waiting = (ago: number, more: object = {}) => ({ eventCount: 3, since: now - ago * 60_000, ...more });
  const well = { ...hook, deliveredAt: now };
  const lastError = { at: now, reason: 'the webhook at ops.example.com answered 422' };

  test('says of one for which something waits that it does, how much, since when and why', async () => {
    const out = await list({ ...well, lastError, waiting: waiting(130) });
    expect(healthOf(out)).toBe('waiting');
    expect(out.replaceAll(/\s+/g, ' ')).toContain(
      'hook: 3 events wait, since 1970-01-01 00:36:40Z (2h 10m); refused last: the webhook at ops.example.com answered 422',
    );
    expect(await list({ ...well, waiting: waiting(6, { eventCount: 1 }) })).toMatch(
      /^hook: 1 event waits, since/m,
    );
    const many = await list({ ...well, waiting: waiting(6, { hasMore: true }) });
    expect(many).toMatch(/^hook: 3 events or more wait, since/m);
  });

  test('says nothing of what came a moment ago, and of one that fails both', async () => {
    const moment = await list({ ...well, waiting: waiting(1) });
    expect(healthOf(moment)).toBe('ok');
    expect(moment).not.toContain('wait');
    const failing = await list({ ...well, failingSince: 0, lastError, waiting: waiting(1) });
    expect(healthOf(failing)).toBe('failing');
    expect(failing.replaceAll(/\s+/g, ' ')).toContain('answered 422; 3 events wait, since');
  });

  test('says of what is held on purpose until when it is, and counts it as no trouble', async () => {
    const held = { eventCount: 1, until: now + 600_000 };
    const out = await list({ ...well, held });
    expect(healthOf(out)).toBe('ok');
    expect(out.replaceAll(/\s+/g, ' ')).toContain(
      'hook: 1 event is held until 1970-01-01 02:56:40Z at the latest, for what comes first: a digest, or earlier events of the same alert',
    );
    expect(healthOf(await list({ ...well, held, waiting: waiting(6) }))).toBe('waiting');
  });

  test('says of a target that did not take its challenge that it did not, and nothing of an echo', async () => {
    const challengeError = { at: 0, reason: 'the webhook at ops.example.com answered 503' };
    const other = { kind: 'webhook', url: `${url}/2`, createdAt: 0, expiresAt: now + 1, challengeError };
    for (const [known, which, again] of [
      [{ ...well, next: other }, `another target, ${url}/2,`, `--webhook ${url}/2 --secret-out FILE`],
      [{ ...confirmed, state: 'pending', kind: 'sqs', queueUrl, challengeError }, 'its target', queueUrl],
    ] as const) {
      const out = (await list(known)).replaceAll(/[\s\\]+/g, ' ');
      expect(out).toContain(
        `hook: ${which} did not take its challenge at 1970-01-01 00:00:00Z: the webhook at`,
      );
      expect(out).toContain(again);
      expect(out).not.toMatch(/alerts confirm|waits for/);
    }
  });

  test('fits a terminal of 80 columns whatever there is to say', async () => {
    const next = { kind: 'webhook', url: `${url}/${'x'.repeat(90)}`, createdAt: 0, expiresAt: now };
    const subscriptionId = 'the-second-cellar-in-oslo-and-its-garage';
    const held = { eventCount: 30, until: now };
    const all = { ...well, subscriptionId, next, lastError, givenUpAt: 0, waiting: waiting(130), held };
    const out = (await list(all)) + (await list({ ...all, failingSince: 0 })) + (await list());
    expect(out.split('\n').filter((line) => line.length > 80 && !/\S{64,}$/.test(line))).toEqual([]);
    for (const line of [`alerts confirm ${subscriptionId}`, `alerts dead-letters ${subscriptionId}`])
      expect(out).toContain(`npx holdfast ${line}`);
  });
});
