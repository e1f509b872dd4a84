import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from '@jest/globals';

const outDir = mkdtempSync(join(tmpdir(), 'holdfast-test-nag-'));
afterAll(() => rmSync(outDir, { recursive: true, force: true }));

test('the application has no finding of cdk-nag’s AwsSolutions that nobody gave a reason for', () => {
  const { CDK_VALIDATION: _off, ...env } = process.env;
  const run = spawnSync(process.execPath, ['bin/app.ts'], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: {
      ...env,
      CDK_OUTDIR: outDir,
      CDK_CONTEXT_JSON: '{"cells":["cell-1"],"alarmEmail":"ops@example.com"}',
    },
    encoding: 'utf8',
  });
  expect({ status: run.status, findings: run.stderr.match(/Acknowledge with '.*'/g) }).toEqual({
    status: 0,
    findings: null,
  });
});
