import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandIdOf } from '../../core/commands/submission.ts';
import { startFakeApi, type FakeApi } from './fake-api.ts';

let api: FakeApi;
beforeAll(async () => void (api = await startFakeApi()));
afterAll(() => api.close());
beforeEach(() => void (api.requests = []));

const command = {
  commandId: 'c1',
  gatewayId: 'gw-1',
  kind: 'snapshot.create',
  state: 'SUCCEEDED',
  params: {},
  audit: [],
  submittedBy: { id: 'me' },
};
const bulk = {
  bulkId: 'b1',
  kind: 'probe',
  params: {},
  select: { all: true },
  waves: [],
  counts: {},
  submittedBy: { id: 'me' },
  createdAt: 0,
  expiresAt: 0,
};
const send = ['send', 'gw-1', 'snapshot.create', '-p', 'volumeId=vol1'];
const keys = () =>
  api.requests.map(({ body }) => (JSON.parse(body) as { idempotencyKey: string }).idempotencyKey);
const broken: FakeApi['answer'] = { status: 500, body: { message: 'Internal Server Error' } };

/** Answers each request with the next of these, and with the last one from then on. */
function answerEach(...answers: FakeApi['answer'][]): void {
  const next = () => (answers.length > 1 ? answers.shift()! : answers[0]!);
  let now = answers[0]!;
  api.answer = {
    get status() {
      now = next();
      return now.status;
    },
    get body() {
      return now.body;
    },
  };
}

test.each([
  [send, { command }],
  [['gateways', 'diagnose', 'gw-1', '--out', 'none'], { command: { ...command, state: 'FAILED' } }],
  [['bulk', 'send', 'probe', '--all', '--no-wait'], { bulk }],
])('what was lost on the way is asked again under the same key: %j', async (argv, body) => {
  answerEach({ status: 0, body: {} }, broken, { status: 200, body });
  const { err } = await api.run([...argv, ...api.asTenant()]);
  expect(err).not.toContain('UNAVAILABLE');
  const [first] = keys();
  expect([keys(), first]).toEqual([[first, first, first], expect.stringMatching(/^.{16,}$/)]);
  api.requests = [];
  answerEach({ status: 200, body });
  await api.run([...argv, ...api.asTenant()]);
  expect(keys()[0]).not.toBe(first);
});

test('who gives up is told which command may be on record, and how to ask again without a second one', async () => {
  const dir = join(api.dir, 'client.json');
  const operator = { accessKeyId: 'AKLOCAL', secretAccessKey: 'x' };
  const local = { endpoint: api.endpoint, cells: {}, region: 'eu-north-1', tenantId: 'acme', operator };
  writeFileSync(dir, JSON.stringify(local));
  api.answer = broken;
  const { code, err } = await api.run(send, { env: { HOLDFAST_DATA_DIR: api.dir } });
  const [key = ''] = keys();
  expect(keys()).toEqual([key, key, key, key, key]);
  const id = commandIdOf('acme', 'gw-1', key);
  const again = `npx holdfast ${send.join(' ')} --idempotency-key ${key}`;
  expect([code, err]).toEqual([
    69,
    `error: UNAVAILABLE: 500 Internal Server Error; command ${id} may be on record — look first: ` +
      `\`npx holdfast commands show gw-1 ${id}\`; the same once more, and never twice: \`${again}\`\n`,
  ]);
}, 20_000);

test('a tenant, whose id its token does not say, looks through the list', async () => {
  answerEach(broken, { status: 400, body: { error: { code: 'INVALID_INPUT', message: 'no' } } });
  const given = api.asTenant().join(' ');
  const { err } = await api.run([...send, '--idempotency-key', 'my key', ...api.asTenant()]);
  expect(keys()).toEqual(['my key', 'my key']);
  expect(err).toContain(
    `the command may be on record — look first: \`npx holdfast commands list gw-1 ${given}\``,
  );
  expect(err).toContain(`-p volumeId=vol1 --idempotency-key 'my key' ${given}\``);
});

test('what was refused, or never left, is not on record', async () => {
  api.answer = { status: 404, body: { error: { code: 'NOT_FOUND', message: 'no gateway' } } };
  expect(await api.run([...send, ...api.asTenant()])).toMatchObject({
    code: 66,
    err: 'error: NOT_FOUND: no gateway\n',
  });
  expect(api.requests).toHaveLength(1);
  const gone = await startFakeApi();
  await gone.close();
  const nobody = ['--endpoint', gone.endpoint, '--token-file', api.token()];
  const { code, err } = await api.run([...send, ...nobody]);
  expect([code, err]).toEqual([69, expect.not.stringContaining('on record')]);
}, 20_000);

test('who ends the waiting is told that the command goes on, and where to see it', async () => {
  api.answer = { status: 200, body: { command: { ...command, state: 'RUNNING' } } };
  const given = api.asTenant();
  const { code, err } = await api.run([...send, ...given], { interrupted: () => Promise.resolve() });
  expect([code, err]).toEqual([
    1,
    'command c1 is submitted\nerror: STEP_FAILED: stopped waiting for command c1 — ' +
      `it goes on: npx holdfast commands show gw-1 c1 ${given.join(' ')}\n`,
  ]);
});

test('a terminal shows how far the command is, and JSON stays alone on standard output', async () => {
  const at = (fraction: number, note?: string) => ({
    status: 200,
    body: { command: { ...command, state: 'RUNNING', progress: { fraction, note } } },
  });
  const all = [at(0.25, 'reading'), at(0.25, 'reading'), at(0.5), { status: 200, body: { command } }];
  const options = { interrupted: () => new Promise<void>(() => undefined), isTerminal: true };
  answerEach(...all);
  const shown = await api.run([...send, ...api.asTenant()], options);
  expect([shown.code, shown.err]).toEqual([
    0,
    'command c1 is submitted\n 25 %  reading\n 50 %  snapshot.create\n',
  ]);
  answerEach(...all);
  const asJson = await api.run([...send, '--json', ...api.asTenant()], options);
  expect([JSON.parse(asJson.out), asJson.err]).toEqual([{ command }, 'command c1 is submitted\n']);
});

const lost = { status: 0, body: {} };
const uninterrupted = { interrupted: () => new Promise<void>(() => undefined) };

test.each([
  [send, 'command c1', 'commands show gw-1 c1', (state: string) => ({ command: { ...command, state } })],
  [
    ['bulk', 'send', 'probe', '--all'],
    'bulk send b1',
    'bulk show b1 --watch',
    (state: string) => ({ bulk: { ...bulk, state } }),
  ],
])(
  'who waits waits on while nobody answers, and is told so once: %j',
  async (argv, what, look, inState) => {
    const running = { status: 200, body: inState('RUNNING') };
    answerEach(running, lost, running, broken, { status: 200, body: inState('SUCCEEDED') });
    const { code, out, err } = await api.run([...argv, ...api.asTenant()], uninterrupted);
    expect([code, out]).toEqual([0, expect.stringContaining('SUCCEEDED')]);
    const lines = err.split('\n');
    expect(lines[0]).toBe(`${what} is submitted`);
    expect(lines.filter((line) => line.includes('answer'))).toEqual([
      `${api.endpoint} does not answer; asking on until the time is over; ` +
        `to look later: npx holdfast ${look} ${api.asTenant().join(' ')}`,
    ]);
  },
  20_000,
);

test('who waited in vain for an answer is told what was in the way, and which command goes on', async () => {
  answerEach({ status: 200, body: { command: { ...command, state: 'SENT' } } }, lost);
  let time = 0;
  const options = { ...uninterrupted, now: () => (time += 250_000) };
  const { code, err } = await api.run([...send, ...api.asTenant()], options);
  expect([code, err.split('\n').at(-2)]).toEqual([
    69,
    `error: UNAVAILABLE: ${api.endpoint} does not answer; command c1 was SENT when it was last seen — ` +
      `it goes on: npx holdfast commands show gw-1 c1 ${api.asTenant().join(' ')}`,
  ]);
  expect(api.requests.length).toBeGreaterThan(2);
}, 20_000);

test('who waits is told at once of what does not pass', async () => {
  const deleted = { status: 404, body: { error: { code: 'NOT_FOUND', message: 'no command c1' } } };
  answerEach({ status: 200, body: { command: { ...command, state: 'SENT' } } }, deleted);
  const { code, err } = await api.run([...send, ...api.asTenant()], uninterrupted);
  expect([code, err]).toEqual([66, 'command c1 is submitted\nerror: NOT_FOUND: no command c1\n']);
});
