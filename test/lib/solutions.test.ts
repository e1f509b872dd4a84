import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { propertiesOf, readStack } from './synthesis.ts';

/** Synthesized with the keys that the other tests leave at their defaults, and with every check that there is. */
const context = {
  cells: ['north'],
  alarmEmail: 'ops@example.com',
  operatorAuth: { issuer: 'https://id.example.com', audience: ['holdfast'], scopes: ['fleet'] },
};
const outDir = mkdtempSync(join(tmpdir(), 'holdfast-test-solutions-'));
let run: ReturnType<typeof spawnSync>;
beforeAll(() => {
  const { CDK_VALIDATION: _off, ...env } = process.env;
  run = spawnSync(process.execPath, ['bin/app.ts'], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { ...env, CDK_OUTDIR: outDir, CDK_CONTEXT_JSON: JSON.stringify(context) },
    encoding: 'utf8',
  });
});
afterAll(() => rmSync(outDir, { recursive: true, force: true }));

test('the application has no finding of cdk-nag’s AwsSolutions that nobody gave a reason for', () => {
  const findings = String(run.stderr).match(/Acknowledge with '.*'/g);
  expect({ status: run.status, findings }).toEqual({ status: 0, findings: null });
});

test('operators come by OIDC where an issuer is configured, with one of its scopes', () => {
  for (const stack of [readStack(outDir, 'holdfast-home'), readStack(outDir, 'holdfast-north')]) {
    const routes = propertiesOf(stack, 'AWS::ApiGatewayV2::Route').filter(({ RouteKey }) =>
      String(RouteKey).includes('/operator/'),
    );
    expect(routes.length).toBeGreaterThan(3);
    for (const { RouteKey, AuthorizationType, AuthorizationScopes } of routes)
      expect({ RouteKey, AuthorizationType, AuthorizationScopes }).toEqual({
        RouteKey,
        AuthorizationType: 'JWT',
        AuthorizationScopes: ['fleet'],
      });
  }
});

test('whoever is to get the alarms is subscribed to them', () => {
  expect(propertiesOf(readStack(outDir, 'holdfast-north'), 'AWS::SNS::Subscription')).toMatchObject([
    { Protocol: 'email', Endpoint: 'ops@example.com' },
  ]);
});
