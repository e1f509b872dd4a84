import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { homeAndCell, propertiesOf, readStack, type SynthesizedStack } from './synthesis.ts';

/** Synthesized with the keys that the other tests leave at their defaults, and with every check that there is. */
const context = {
  cells: ['north'],
  alarmEmail: 'ops@example.com',
  operatorAuth: { issuer: 'https://id.example.com', audience: ['holdfast'], scopes: ['fleet'] },
};
const repository = fileURLToPath(new URL('../..', import.meta.url));
const outDir = mkdtempSync(join(tmpdir(), 'holdfast-test-solutions-'));
let run: ReturnType<typeof spawnSync>;
beforeAll(() => {
  const { CDK_VALIDATION: _off, ...env } = process.env;
  run = spawnSync(process.execPath, ['bin/app.ts'], {
    cwd: repository,
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

/** Function → its asset, whose name is the hash of its content. */
const assets = ({ functions }: SynthesizedStack): Record<string, string> =>
  Object.fromEntries(
    functions.map(({ handler, resource }) => {
      const { S3Key } = resource.Properties['Code'] as { S3Key: string };
      return [handler, S3Key.replace('.zip', '')];
    }),
  );

test('bundling the same sources again gives the same bytes, so that nothing is deployed without a change', async () => {
  const { home } = await homeAndCell();
  expect(assets(readStack(outDir, 'holdfast-home'))).toEqual(assets(home));
});

test('a bundle has no CDK in it and nothing of the machine that made it', () => {
  for (const [handler, asset] of Object.entries(assets(readStack(outDir, 'holdfast-north')))) {
    const code = readFileSync(join(outDir, `asset.${asset}`, 'index.mjs'), 'utf8');
    expect({
      handler,
      foreign: code.match(/aws-cdk-lib|cdk-nag/g),
      local: code.includes(repository),
    }).toEqual({
      handler,
      foreign: null,
      local: false,
    });
  }
});
