import { startFakeApi, type FakeApi } from './fake-api.ts';

/** What cannot be right is said before anything is asked, with the flag or variable that holds it. */
let api: FakeApi;
beforeAll(async () => void (api = await startFakeApi()));
afterAll(() => api.close());

test.each(['foo', 'ftp://host/', 'http://host:99999', 'localhost:4700'])(
  '--endpoint %s is no URL',
  async (url) => {
    const { code, err } = await api.run(['gateways', 'list', '--endpoint', url]);
    expect([code, err]).toEqual([
      64,
      `error: USAGE: --endpoint: "${url}" is not an http:// or https:// URL — write it like https://holdfast.example.com\n`,
    ]);
  },
);

test('HOLDFAST_ENDPOINT that is no URL is named', async () => {
  const { code, err } = await api.run(['gateways', 'list'], { env: { HOLDFAST_ENDPOINT: 'foo' } });
  expect(code).toBe(78);
  expect(err).toMatch(
    /^error: CONFIG: HOLDFAST_ENDPOINT: "foo" is not an http:\/\/ or https:\/\/ URL — write it/,
  );
});

test('a user name in --endpoint is refused', async () => {
  const { code, err } = await api.run(['gateways', 'list', '--endpoint', 'https://me:secret@host']);
  expect([code, err]).toEqual([
    64,
    expect.stringContaining('holds a user name or password — leave them out'),
  ]);
  expect(err).not.toContain('secret');
});

test('admin run refuses a --queue that is no URL', async () => {
  const argv = ['admin', 'run', '--queue', 'foo', '--playbook', 'admin/playbooks/default.json'];
  const { code, err } = await api.run([...argv, '--endpoint', api.endpoint]);
  expect([code, err]).toEqual([
    64,
    expect.stringMatching(/--queue: "foo" is not .* — write it like https:\/\/sqs/),
  ]);
});

test('admin token create names the roles that there are', async () => {
  const argv = ['admin', 'token', 'create', '--role', 'boss', '--out', 'x', '--endpoint', api.endpoint];
  const { code, err } = await api.run(argv);
  expect([code, err]).toEqual([
    64,
    expect.stringContaining('Allowed choices are tenant-admin, tenant-read.'),
  ]);
  expect(api.requests).toEqual([]);
});

test.each([
  ['--token-file', {}],
  ['HOLDFAST_TOKEN_FILE', { HOLDFAST_TOKEN_FILE: 'yes' }],
])('--tenant beside the token of a tenant (%s) is refused', async (name, env) => {
  const file = api.token();
  const as = name === '--token-file' ? [name, file] : [];
  const { code, err } = await api.run(
    ['gateways', 'list', '--endpoint', api.endpoint, '--tenant', 'b', ...as],
    {
      env: name in env ? { [name]: file } : {},
    },
  );
  expect([code, err]).toEqual([
    64,
    expect.stringMatching(new RegExp(`^error: USAGE: --tenant .* without ${name}\n$`)),
  ]);
  expect(api.requests).toEqual([]);
});

test('the fleet has no --tenant', async () => {
  const { code, err } = await api.run(['fleet', 'gateways', '--tenant', 'acme', '--endpoint', api.endpoint]);
  expect([code, err]).toEqual([64, expect.stringContaining("unknown option '--tenant'")]);
});
