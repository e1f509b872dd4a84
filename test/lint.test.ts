import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ESLint } from 'eslint';

/** That lint proves what ARCHITECTURE.md says of the folders: by giving it files that break the rule. */
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const eslint = new ESLint({ cwd: root });

async function objectionsTo(file: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(`${code}\n`, { filePath: `${root}/${file}` });
  const messages = result?.messages ?? [];
  expect([code, messages.filter(({ fatal }) => fatal)]).toEqual([code, []]);
  return messages.filter(({ ruleId }) => ruleId === 'holdfast/boundaries').map(({ message }) => message);
}

/** Every way to name a module. */
const ways = (specifier: string): string[] => [
  `import '${specifier}';`,
  `import { App } from '${specifier}';`,
  `import type { App } from '${specifier}';`,
  `export { App } from '${specifier}';`,
  `export * from '${specifier}';`,
  `await import('${specifier}');`,
  `await import(\`${specifier}\`);`,
  `type App = import('${specifier}').App;`,
  `import app = require('${specifier}');`,
  `require('${specifier}');`,
  `require(\`${specifier}\`);`,
];
const running = [
  'core/identity/new.ts',
  'lambda/api/new.ts',
  'agent/new.ts',
  'local/gateway/new.ts',
  'cli/new.ts',
  'admin/new.ts',
  'bench/new.ts',
  'bin/new.ts',
  'new.ts',
  'tools/new.ts',
];

test('node:module is for the compile cache alone', async () => {
  const code = `import { enableCompileCache } from 'node:module';`;
  expect(await objectionsTo('bin/compile-cache.js', code)).toEqual([]);
  expect(await objectionsTo('bin/require-node.js', code)).toHaveLength(1);
});

describe.each(running)('%s, which runs', (file) => {
  const up = '../'.repeat(file.split('/').length - 1) || './';

  test.each(['aws-cdk-lib', 'aws-cdk-lib/aws-sqs', 'constructs', 'cdk-nag', '@aws-cdk/asset-awscli-v1'])(
    'cannot name %s in any way',
    async (specifier) => {
      for (const code of ways(specifier))
        expect([code, await objectionsTo(file, code)]).toEqual(refused(code));
    },
  );

  test('cannot name a file of the CDK app in any way', async () => {
    const specifiers = [`${up}lib/app.ts`, `./${up}lib/app.ts`, `${up}core/../lib/app.ts`];
    for (const code of specifiers.flatMap(ways))
      expect([code, await objectionsTo(file, code)]).toEqual(refused(code));
  });

  test.each([
    `import { createRequire } from 'node:module';\ncreateRequire(import.meta.url)('aws-cdk-lib');`,
    `const { createRequire } = await import('module');`,
    `process.getBuiltinModule('node:module');`,
    `const name = 'aws-cdk-' + 'lib';\nawait import(name);`,
    `/* eslint-disable */\nawait import('aws-cdk-lib');`,
    `// eslint-disable-next-line holdfast/boundaries\nawait import('aws-cdk-lib');`,
    `import '${up}node_modules/aws-cdk-lib/index.js';`,
    `import 'file:///srv/holdfast/lib/app.ts';`,
    `import '/srv/holdfast/lib/app.ts';`,
    `import 'data:text/javascript,0';`,
    `new Worker(new URL('${up}lib/app.ts', import.meta.url));`,
  ])('cannot get at the CDK by %j', async (code) => {
    expect([code, await objectionsTo(file, code)]).toEqual(refused(code));
  });
});

const refused = (code: string): unknown => [code, [expect.any(String)]];

test.each([
  ['core/new.ts', 'agent'],
  ['lib/new.ts', 'lambda'],
  ['lib/new.ts', 'agent'],
  ['lambda/new.ts', 'lib'],
  ['lambda/new.ts', 'agent'],
  ['agent/new.ts', 'local'],
  ['agent/new.ts', 'cli'],
  ['local/new.ts', 'lambda'],
  ['cli/new.ts', 'agent'],
  ['admin/new.ts', 'cli'],
  ['core/new.ts', 'test'],
  ['bin/app.ts', 'agent'],
  ['bin/new.ts', 'lambda'],
  ['new.ts', 'core'],
  ['tools/new.ts', 'core'],
  ['lambda/new.mts', 'agent'],
  ['lambda/new.js', 'agent'],
])('%s may not import %s/', async (file, folder) => {
  const code = `import '${file.includes('/') ? '..' : '.'}/${folder}/some.ts';`;
  expect([code, await objectionsTo(file, code)]).toEqual(refused(code));
});

test('a CommonJS file is no way around', async () => {
  expect(await objectionsTo('lambda/new.cjs', "require('../agent/some.cjs');")).toHaveLength(1);
});

test.each([
  ...['fs', 'node:fs', 'node:fs/promises', 'node:os', 'node:http', 'node:https', 'node:http2', 'node:net'],
  ...['node:tls', 'node:dgram', 'node:dns', 'node:child_process', 'node:worker_threads', 'node:process'],
  ...['node:timers/promises', 'node:path', 'crypto', 'ws', '@aws-sdk/client-s3', 'hono'],
])('core/ may not import %s', async (specifier) => {
  for (const code of ways(specifier))
    expect([code, await objectionsTo('core/new.ts', code)]).toEqual(refused(code));
});

test.each([
  ['core/snapshot/new.ts', `import { createHash } from 'node:crypto';\nimport { z } from 'zod';`],
  ['core/snapshot/new.ts', `import { limits } from '../limits.ts';`],
  ['lib/new.ts', `import { App } from 'aws-cdk-lib';\nimport { HoldfastError } from '../core/errors.ts';`],
  ['lib/new.ts', `import { Queue } from 'aws-cdk-lib/aws-sqs';\nimport { Construct } from 'constructs';`],
  ['lambda/aws/new.ts', `import { S3 } from '@aws-sdk/client-s3';\nimport { readEnv } from './env.ts';`],
  ['agent/nbd/new.ts', `const { default: koffi } = await import('koffi');`],
  ['local/functions/new.ts', `new Worker(new URL('./worker.ts', import.meta.url));`],
  ['agent/new.ts', `new URL('../package.json', import.meta.url);`],
  ['bench/new.ts', `import '../agent/agent.ts';\nimport '../local/up.ts';`],
  ['bin/app.ts', `import { createApp } from '../lib/app.ts';\nimport { App } from 'aws-cdk-lib';`],
  ['bin/new.ts', `import { runAgentCli } from '../agent/cli/program.ts';\nimport '../cli/program.ts';`],
  ['new.js', `import { boundaries } from './eslint-boundaries.js';`],
  [
    'test/lib/new.test.ts',
    `import { App } from 'aws-cdk-lib';\nimport { createApp } from '../../lib/app.ts';`,
  ],
])('%s may say %j', async (file, code) => {
  expect([code, await objectionsTo(file, code)]).toEqual([code, []]);
});
