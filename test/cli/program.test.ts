import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requests as apiRequests } from '../../core/api.ts';
import { startFakeApi, type FakeApi } from './fake-api.ts';

let api: FakeApi;
beforeAll(async () => void (api = await startFakeApi()));
afterAll(() => api.close());
beforeEach(() => {
  api.requests = [];
  api.answer = { status: 200, body: {} };
});

test('a command without a control plane says where to get one and exits with CONFIG', async () => {
  const { code, err } = await api.run(['gateways', 'list']);
  expect(code).toBe(78);
  expect(err).toMatch(/^error: CONFIG: no control plane is known here — .*npm start/);
});

test('an unknown command is one line and exits with USAGE', async () => {
  const { code, err, out } = await api.run(['bogus']);
  expect([code, out]).toEqual([64, '']);
  expect(err).toBe("error: USAGE: unknown command 'bogus' — see npx holdfast --help\n");
});

test('a tenant asks below /v1 with its token, which never stands in the URL', async () => {
  api.answer.body = { gateways: [] };
  const given = api.asTenant();
  const { code, out } = await api.run(['gateways', 'list', ...given]);
  expect([code, out]).toEqual([
    0,
    `no gateways yet; \`npx holdfast activation create ${given.join(' ')}\` makes a code for one\n`,
  ]);
  expect(api.requests[0]).toMatchObject({
    url: '/v1/gateways?status=current',
    authorization: 'Bearer secret-token',
  });
});

test('a token file that others can read is refused', async () => {
  const { code, err } = await api.run([
    'gateways',
    'list',
    '--endpoint',
    api.endpoint,
    '--token-file',
    api.token(0o644),
  ]);
  expect(code).toBe(77);
  expect(err).toContain('can be read by other users — chmod 600');
  expect(api.requests).toEqual([]);
});

test('an operator of the local mode signs for its tenant with the keys of the data directory', async () => {
  const client = {
    endpoint: api.endpoint,
    cells: {},
    region: 'eu-north-1',
    tenantId: 'acme',
    operator: { accessKeyId: 'AKLOCAL', secretAccessKey: 'x' },
  };
  writeFileSync(join(api.dir, 'client.json'), JSON.stringify(client));
  api.answer.body = { gateways: [] };
  const { code } = await api.run(['gateways', 'list'], { env: { HOLDFAST_DATA_DIR: api.dir } });
  expect(code).toBe(0);
  expect(api.requests[0]?.url).toBe('/operator/v1/tenants/acme/gateways?status=current');
  expect(api.requests[0]?.authorization).toMatch(
    /^AWS4-HMAC-SHA256 Credential=AKLOCAL\/\d{8}\/eu-north-1\/execute-api\//,
  );
});

test('an operator of an OIDC issuer asks below /operator/v1 with the token', async () => {
  api.answer.body = { gateways: [] };
  const file = join(api.dir, 'jwt');
  writeFileSync(file, `${'j'.repeat(2000)}\n`, { mode: 0o600 });
  const as = ['--endpoint', api.endpoint, '--tenant', 'acme', '--operator-token-file', file];
  expect((await api.run(['gateways', 'list', ...as])).code).toBe(0);
  expect(api.requests[0]).toMatchObject({
    url: '/operator/v1/tenants/acme/gateways?status=current',
    authorization: `Bearer ${'j'.repeat(2000)}`,
  });
  const both = await api.run(['gateways', 'list', ...as, '--token-file', api.token()]);
  expect(both).toMatchObject({ code: 64, err: expect.stringContaining('exclude each other') });
});

test('a parameter named __proto__ is sent as one, and parameters nested too deep are not', async () => {
  const as = ['--endpoint', api.endpoint, '--token-file', api.token()];
  api.answer.body = { command: { state: 'QUEUED', params: {}, audit: [] } };
  await api.run(['send', 'gw-1', 'probe', '-p', '__proto__=1', '--no-wait', '--json', ...as]);
  expect(api.requests[0]?.body).toContain('"__proto__":"1"');
  const deep = `{"echo":${'['.repeat(5000)}${']'.repeat(5000)}}`;
  const refused = await api.run(['send', 'gw-1', 'probe', '--params', '-', ...as], { stdin: deep });
  expect(refused).toMatchObject({ code: 65, err: expect.stringContaining('nested deeper') });
});

test('a parameter is what its kind takes: a number, true or false, or the text as it stands', async () => {
  api.answer.body = { command: { state: 'QUEUED', params: {}, audit: [] } };
  const start = ['restore.start', '-p', 'bandwidthBytesPerSec=-5', '-p', 'replace=true', '-p', 'volumeId=7'];
  await api.run(['send', 'gw-1', ...start, '--no-wait', '--json', ...api.asTenant()]);
  expect(JSON.parse(api.requests.at(-1)!.body)).toMatchObject({
    params: { bandwidthBytesPerSec: -5, replace: true, volumeId: '7' },
  });
  const odd = ['restore.start', '-p', 'bandwidthBytesPerSec=fast', '-p', 'replace=yes'];
  await api.run(['send', 'gw-1', ...odd, '--no-wait', '--json', ...api.asTenant()]);
  expect(JSON.parse(api.requests.at(-1)!.body)).toMatchObject({
    params: { bandwidthBytesPerSec: 'fast', replace: 'yes' },
  });
});

test.each([
  [['-p', 'echo=a', '-p', 'echo=b'], ''],
  [['-p', 'echo=a', '--params', '-'], '{"echo":"b"}'],
])('a parameter that is given twice is refused, and nothing is sent: %j', async (flags, stdin) => {
  const sent = api.requests.length;
  const { code, err } = await api.run(['send', 'gw-1', 'probe', ...flags, ...api.asTenant()], { stdin });
  expect([code, api.requests.length]).toEqual([64, sent]);
  expect(err).toBe(
    'error: USAGE: -p echo=… is there twice — give each parameter once, behind -p or in what --params reads\n',
  );
});

test.each([
  [['gateways', 'show', 'gw-1'], 'gateways list'],
  [['alerts', 'unsilence', 'si-1'], 'alerts silences --all'],
  [['alerts', 'unsubscribe', 'main'], 'alerts subscriptions'],
  [['alerts', 'conditions', 'set', 'FsFull', '--default'], 'alerts conditions list'],
])('what the API says to type next has the flags of this call: %j', async (argv, next) => {
  const hint = `\`npx holdfast ${next}\` shows those there are`;
  api.answer = { status: 404, body: { error: { code: 'NOT_FOUND', message: 'there is none', hint } } };
  const run = await api.run([...argv, ...api.asTenant()]);
  api.answer = { status: 200, body: {} };
  expect(run.err).toBe(
    `error: NOT_FOUND: there is none — \`npx holdfast ${next} ${api.asTenant().join(' ')}\` shows those there are\n`,
  );
});

test('an alert shows its answer as it is typed, which names the alert and so stands in its trail', async () => {
  const alertKey = 'a'.repeat(32);
  const alert = {
    ...{ alertKey, gatewayId: 'gw-1', episode: 3, audit: [], conditionId: 'VolumeIrrecoverable' },
    suggested: { kind: 'restore.start', params: { volumeId: 'vol1' } },
  };
  api.answer.body = { alert, command: { state: 'QUEUED', params: {}, audit: [] } };
  const shown = await api.run(['alerts', 'show', alertKey, ...api.asTenant()]);
  // Folded as a shell lets it be.
  const line = /npx holdfast (send .*)$/m.exec(shown.out.replaceAll(/ \\\n +/g, ' '))?.[1];
  // Typed elsewhere it would go to another control plane, or as somebody else.
  const again = api.asTenant().join(' ');
  expect(line).toBe(`send gw-1 restore.start -p volumeId=vol1 --alert ${alertKey} ${again}`);
  await api.run([...line!.split(' '), '--no-wait']);
  expect(JSON.parse(api.requests.at(-1)!.body)).toMatchObject({
    ...{ kind: 'restore.start', params: { volumeId: 'vol1' } },
    cause: { alertKey, episode: 3 },
  });
  const elsewhere = ['send', 'gw-2', 'probe', '--alert', alertKey, ...api.asTenant()];
  expect(await api.run(elsewhere)).toMatchObject({
    code: 65,
    err: expect.stringContaining(`alert ${alertKey} is one of gateway gw-1 — `),
  });
  expect(api.requests.at(-1)?.method).toBe('GET');
});

test.each([
  [['send', 'gw-1', 'probe', '--via', '__proto__'], 66, 'NOT_FOUND: no cell "__proto__" is known'],
  [['send', '', 'probe'], 64, 'USAGE: the gatewayId is empty'],
  [['alerts', 'show', ''], 64, 'USAGE: the alertKey is empty'],
])('what names nothing is refused before anything is sent: %j', async (argv, code, message) => {
  const run = await api.run([...argv, ...api.asTenant()]);
  expect(run).toMatchObject({ code, err: expect.stringContaining(`error: ${message}`) });
  expect(api.requests).toEqual([]);
});

test('a token’s file that never ends is no token’s file', async () => {
  const run = await api.run(['gateways', 'list', '--endpoint', api.endpoint, '--token-file', '/dev/zero']);
  expect(run).toMatchObject({ code: expect.any(Number), err: expect.stringContaining('/dev/zero') });
  expect(api.requests).toEqual([]);
});

test('a failure inside is named by its request, and where to look for that', async () => {
  const headers = { 'apigw-requestid': 'ISwK9hxiDoEEMCQ=' };
  api.answer = { status: 500, body: { message: 'Internal Server Error' }, headers };
  const run = await api.run(['gateways', 'list', ...api.asTenant()]);
  expect(run).toMatchObject({ code: 69, out: '' });
  expect(run.err).toMatch(
    /^error: UNAVAILABLE: 500 Internal Server Error \(request ISwK9hxiDoEEMCQ=\) — try again; .*`npm start`/,
  );
  const inside = { code: 'INTERNAL', message: 'something failed inside (request r-1)' };
  api.answer = { status: 500, body: { error: inside } };
  expect((await api.run(['gateways', 'list', ...api.asTenant()])).err).toMatch(
    /^error: INTERNAL: something failed inside \(request r-1\) — try again; .*`npm start`/,
  );
});

test('a token that is refused is named as what was refused', async () => {
  api.answer = { status: 403, body: { message: 'Forbidden' } };
  const run = await api.run(['gateways', 'list', ...api.asTenant()]);
  expect(run.code).toBe(77);
  expect(run.err).toMatch(
    /^error: UNAUTHENTICATED: 403 Forbidden — this token most likely was deleted .*`npx holdfast admin token list`/,
  );
});

test('a data directory in which nothing has run is named', async () => {
  const run = await api.run(['gateways', 'list', '--data-dir', '/no where']);
  expect(run.code).toBe(66);
  expect(run.err).toContain(
    "no control plane has run in /no where — `npx holdfast up --data-dir '/no where'` starts one",
  );
});

test('an option that is mistyped is named before the one that is missing for it', async () => {
  const run = await api.run(['admin', 'token', 'create', '--ot', 'x', ...api.asTenant()]);
  expect(run).toMatchObject({ code: 64, err: expect.stringContaining("unknown option '--ot'; ") });
});

test('an alert is shown with the runbook of its condition, where it is one', async () => {
  const shown = async (conditionId: string) => {
    const alert = { alertKey: 'a'.repeat(32), gatewayId: 'gw-1', audit: [], state: 'FIRING', conditionId };
    api.answer.body = { alert };
    return (await api.run(['alerts', 'show', alert.alertKey, ...api.asTenant()])).out;
  };
  expect(await shown('FsFull')).toMatch(/^runbook +docs\/runbooks\.md#fsfull$/m);
  expect(await shown('FromAnotherRelease')).not.toContain('runbook');
});

test('a resolved alert asks for no answer any more', async () => {
  const alert = { alertKey: 'a'.repeat(32), gatewayId: 'gw-1', audit: [], state: 'RESOLVED' };
  api.answer.body = { alert: { ...alert, suggested: { kind: 'restore.start', params: {} } } };
  const shown = await api.run(['alerts', 'show', alert.alertKey, ...api.asTenant()]);
  expect([shown.code, shown.out]).toEqual([0, expect.not.stringContaining('npx holdfast send')]);
});

test('no subscription is said as such, and how to get one', async () => {
  api.answer.body = { subscriptions: [] };
  const given = api.asTenant();
  const { out } = await api.run(['admin', 'subscription', 'list', ...given]);
  expect(out).toContain('no subscriptions; to make one:\n  npx holdfast admin subscribe');
  expect(out.replaceAll(/ \\\n +/g, ' ')).toContain(given.join(' '));
});

test('a list of commands is read to its end', async () => {
  const pages = [{ commands: [], next: 'page-2' }, { commands: [] }];
  api.answer = {
    status: 200,
    get body() {
      return pages.shift() ?? { commands: [] };
    },
  };
  const { code } = await api.run([
    'commands',
    'list',
    'gw-1',
    '--endpoint',
    api.endpoint,
    '--token-file',
    api.token(),
  ]);
  expect([code, api.requests.map(({ url }) => url)]).toEqual([
    0,
    ['/v1/gateways/gw-1/commands', '/v1/gateways/gw-1/commands?next=page-2'],
  ]);
});

test('gateways that were revoked are counted and not shown, unless all are asked for', async () => {
  const pages = [
    { gateways: [], hiddenCount: 100, next: 'gw-1' },
    { gateways: [], hiddenCount: 3 },
  ];
  const scripted = () => (api.requests.at(-1)?.url.includes('next=') ? pages[1] : pages[0]);
  api.answer = Object.defineProperty({ status: 200 } as FakeApi['answer'], 'body', { get: scripted });
  const given = api.asTenant().join(' ');
  const list = await api.run(['gateways', 'list', ...api.asTenant()]);
  expect(list.out).toMatch(/^no gateways any more; `npx holdfast activation create /);
  expect(list.out).toContain(`103 revoked ones are not shown: npx holdfast gateways list --all ${given}\n`);
  expect(api.requests.map(({ url }) => url)).toEqual([
    '/v1/gateways?status=current',
    '/v1/gateways?status=current&next=gw-1',
  ]);
  const asJson = await api.run(['gateways', 'list', '--json', ...api.asTenant()]);
  expect(JSON.parse(asJson.out)).toEqual({ gateways: [], hiddenCount: 103 });
  pages[0] = { gateways: [], hiddenCount: 0 };
  const all = await api.run(['gateways', 'list', '--all', ...api.asTenant()]);
  expect([api.requests.at(-1)?.url, all.out]).toEqual([
    '/v1/gateways?status=all',
    expect.not.stringContaining('not shown'),
  ]);
});

test('what others wrote neither moves the cursor nor makes a line of its own', async () => {
  const name = 'a\u001b[2J\u009b1A\u202e\nforged';
  const gateway = { gatewayId: 'gw-1', tenantId: 'acme', name, status: 'active', createdAt: 0 };
  const key = { generation: 2, fingerprint: 'f0'.repeat(32), since: 0 };
  const activatedFrom = { hostname: name, address: '192.0.2.7' };
  const shown = { ...gateway, connection: { state: 'disconnected' }, key, activatedFrom, cloneSeenAt: 0 };
  const as = ['--endpoint', api.endpoint, '--token-file', api.token()];
  api.answer.body = { gateways: [shown] };
  const list = await api.run(['gateways', 'list', ...as]);
  expect(list.out.trimEnd().split('\n')).toEqual([
    expect.anything(),
    expect.anything(),
    expect.stringMatching(/^ {2}a/),
    '  two hosts use its key',
  ]);
  const asJson = await api.run(['gateways', 'list', '--json', ...as]);
  expect(JSON.parse(asJson.out)).toEqual({ gateways: [shown], hiddenCount: 0 });
  api.answer.body = { gateway: shown };
  const show = await api.run(['gateways', 'show', 'gw-1', ...as]);
  for (const fact of [key.fingerprint, '192.0.2.7', 'generation 2', 'two hosts'])
    expect(show.out).toContain(fact);
  const confirmed = await api.run(['gateways', 'confirm', 'gw-1', ...as]);
  expect(confirmed.out).toContain('from 192.0.2.7) is confirmed');
  expect(api.requests.at(-1)).toMatchObject({ method: 'POST', url: '/v1/gateways/gw-1/confirm' });
  api.answer = { status: 404, body: { error: { code: 'NOT_FOUND', message: name } } };
  const failed = await api.run(['gateways', 'show', 'gw-1', ...as]);
  const all = [list.out, asJson.out, show.out, confirmed.out, failed.err].join('');
  expect(all).not.toMatch(/^forged/m);
  expect(all).not.toMatch(/[^\P{Cc}\n]|\u202e/u);
  expect(failed.err).toBe('error: NOT_FOUND: a\\u001b[2J\\u009b1A\\u202e\\u000aforged\n');
});

test('an error of the API becomes its own line and exit code', async () => {
  api.answer = {
    status: 404,
    body: { error: { code: 'NOT_FOUND', message: 'no gateway "gw-1"', hint: 'list them' } },
  };
  const { code, err } = await api.run([
    'gateways',
    'show',
    'gw-1',
    '--endpoint',
    api.endpoint,
    '--token-file',
    api.token(),
  ]);
  expect([code, err]).toEqual([66, 'error: NOT_FOUND: no gateway "gw-1" — list them\n']);
});

test('an unknown command kind is refused before anything is sent', async () => {
  const { code, err } = await api.run([
    'send',
    'gw-1',
    'format.disk',
    '--endpoint',
    api.endpoint,
    '--token-file',
    api.token(),
  ]);
  expect(code).toBe(65);
  expect(err).toMatch(/no command "format.disk" — kinds: probe, /);
  expect(api.requests).toEqual([]);
});

test.each([
  ['activation create --ttl 48h', '--ttl is at most 24h — write --ttl 24h'],
  ['activation create --ttl 59s', '--ttl is at least 60s — write --ttl 60s'],
  ['activation create --ttl soon', '--ttl "soon" is not a duration — write it like 90s, 15m, 24h or 7d'],
  ['admin token create --out none --ttl 367d', '--ttl is at most 366d — write --ttl 366d'],
  ['send gw-1 probe --expires 31d', '--expires is at most 30d — write --expires 30d'],
  ['send gw-1 probe --expires 0s', '--expires is at least 1s — write --expires 1s'],
  ['send gw-1 probe --timeout 1w', '--timeout "1w" is not a duration — write it like 90s, 15m, 24h or 7d'],
])('`%s` names the flag, and nothing is sent', async (typed, message) => {
  const argv = [...typed.split(' '), '--endpoint', api.endpoint, '--token-file', api.token()];
  const { code, err } = await api.run(argv);
  expect([code, err]).toEqual([64, `error: USAGE: ${message}\n`]);
  expect(api.requests).toEqual([]);
});

test('what a flag may be at most, the API accepts', async () => {
  api.answer.body = { code: 'hfa_1', tenantId: 'acme', expiresAt: 0 };
  const as = ['--endpoint', api.endpoint, '--token-file', api.token()];
  expect(await api.run(['activation', 'create', '--ttl', '24h', ...as])).toMatchObject({ code: 0 });
  expect(apiRequests.createActivationCode.safeParse(JSON.parse(api.requests[0]?.body ?? ''))).toMatchObject({
    success: true,
  });
});

test.each(['admin token create', 'activation create'])('`%s --out` makes its file first', async (typed) => {
  const file = join(api.dir, 'secret.txt');
  const argv = (out: string) => [
    ...typed.split(' '),
    '--out',
    out,
    '--endpoint',
    api.endpoint,
    '--token-file',
    api.token(),
  ];
  expect(await api.run(argv(join(api.dir, 'none', 'file')))).toMatchObject({
    code: 66,
    err: expect.stringContaining('its directory does not exist — make the directory'),
  });
  expect(api.requests).toEqual([]);
  api.answer = { status: 403, body: { error: { code: 'FORBIDDEN', message: 'not you' } } };
  expect(await api.run(argv(file))).toMatchObject({ code: 77 });
  expect(existsSync(file)).toBe(false);
  api.answer = { status: 200, body: { code: 'made-1', token: 'made-1', tenantId: 'acme', expiresAt: 0 } };
  expect(await api.run(argv(file))).toMatchObject({ code: 0, out: expect.not.stringContaining('made-1') });
  expect([readFileSync(file, 'utf8'), statSync(file).mode & 0o777]).toEqual(['made-1\n', 0o600]);
  api.requests = [];
  expect(await api.run(argv(file))).toMatchObject({
    code: 79,
    err: expect.stringContaining('exists already'),
  });
  expect([api.requests, readFileSync(file, 'utf8')]).toEqual([[], 'made-1\n']);
  rmSync(file);
});

test('parameters come from flags and standard input, numbers as numbers', async () => {
  api.answer.body = {
    command: { commandId: 'c', state: 'QUEUED', audit: [], submittedBy: { id: 'me' }, params: {} },
  };
  const argv = [
    'send',
    'gw-1',
    'volume.create',
    '--no-wait',
    '-p',
    'sizeBytes=4096',
    '--params',
    '-',
    '--json',
  ];
  const { code } = await api.run([...argv, '--endpoint', api.endpoint, '--token-file', api.token()], {
    stdin: '{"volumeId":"v"}',
  });
  expect(code).toBe(0);
  expect(JSON.parse(api.requests[0]?.body ?? '')).toEqual({
    kind: 'volume.create',
    params: { volumeId: 'v', sizeBytes: 4096 },
    whenOffline: 'queue',
    idempotencyKey: expect.any(String),
  });
});

test('a command that failed exits non-zero with the gateway’s own reason', async () => {
  api.answer.body = {
    command: {
      commandId: 'c',
      gatewayId: 'gw-1',
      kind: 'volume.check',
      state: 'FAILED',
      audit: [],
      submittedBy: { id: 'me' },
      params: {},
      outcome: { status: 'FAILED', error: { code: 'NOT_FOUND', message: 'no volume "v"' } },
    },
  };
  const { code, err } = await api.run([
    'send',
    'gw-1',
    'volume.check',
    '--endpoint',
    api.endpoint,
    '--token-file',
    api.token(),
  ]);
  expect(code).toBe(1);
  expect(err).toBe('error: STEP_FAILED: volume.check FAILED: NOT_FOUND: no volume "v"\n');
});

test('an operator is told behind an empty list that the tenant may be none; a tenant and a program are not', async () => {
  const asOperator = (...argv: string[]) => api.runAsOperator('alerts', ...argv, '--tenant', 'nope');
  const page = (body: object) =>
    void (api.bodies = { '/operator/v1/tenants/nope/gateways?status=current': body });
  api.answer = { status: 200, body: { alerts: [], subscriptions: [], namePrefix: 'holdfast-alerts-nope' } };
  page({ gateways: [], hiddenCount: 0 });
  expect((await asOperator('list')).out).toBe('no alerts; no gateway of a tenant nope is known\n');
  const none = await asOperator('subscriptions');
  expect(none.out).toMatch(/^no subscriptions; no gateway of a tenant nope is known; to make one:\n/);
  for (const known of [
    { gateways: [], hiddenCount: 1 },
    { gateways: [], next: 'gw-1' },
  ]) {
    page(known);
    expect((await asOperator('list')).out).toBe('no alerts\n');
  }
  api.requests = [];
  await asOperator('list', '--json');
  await api.run(['alerts', 'list', ...api.asTenant()]);
  await api.runAsOperator('alerts', 'list', '--tenant', '*');
  expect(api.requests.filter(({ url }) => url.includes('gateways'))).toEqual([]);
});
