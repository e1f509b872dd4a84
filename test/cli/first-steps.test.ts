import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { printFirstSteps } from '../../cli/first-steps.ts';

let dir: string;
let server: Server;
let gateways: { status: string }[];
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-first-'));
  server = createServer((request, response) => {
    const made = { code: 'hfa_1', tenantId: 'default', expiresAt: 0 };
    response.end(JSON.stringify(request.method === 'POST' ? made : { gateways }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(dir, { recursive: true });
});

async function printed(isTerminal = true): Promise<string> {
  const client = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cells: {},
    region: 'eu-north-1',
    tenantId: 'default',
    operator: { accessKeyId: 'AK', secretAccessKey: 'x' },
  };
  writeFileSync(join(dir, 'client.json'), JSON.stringify(client));
  let text = '';
  const deps = { env: {}, stderr: () => undefined, now: () => 0, readStdin: async () => '' };
  await printFirstSteps(client, dir, { ...deps, isTerminal, stdout: (line) => void (text += line) });
  return text;
}

test.each([[[]], [[{ status: 'revoked' }]]])(
  'without an active gateway there is a code, and how to use it: %j',
  async (there) => {
    gateways = there;
    const text = await printed();
    expect(text).toMatch(
      /Activation code hfa_1[^]*npx holdfast-agent activate --server [^]*npx holdfast-agent run\n/,
    );
    expect(readFileSync(join(dir, 'activation-code'), 'utf8')).toBe('hfa_1\n');
  },
);

test('a log is not told the code, but where it is', async () => {
  gateways = [];
  const text = await printed(false);
  expect(text).not.toContain('hfa_1');
  expect(text).toMatch(/An activation code, good for one gateway until .*, is in .*activation-code\./);
  expect(readFileSync(join(dir, 'activation-code'), 'utf8')).toBe('hfa_1\n');
});

test('with one there is no new code, but how to run it and how to get one', async () => {
  gateways = [{ status: 'revoked' }, { status: 'active' }];
  const text = await printed();
  expect(text).not.toMatch(/Activation code|holdfast-agent activate/);
  expect(text).toContain('\n  npx holdfast-agent run\n');
  expect(text).toContain(`\n  npx holdfast activation create --out code.txt --data-dir ${dir}\n`);
  expect(existsSync(join(dir, 'activation-code'))).toBe(false);
});
