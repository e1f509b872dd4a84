import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/**
 * Which folder may import which. A folder that is not named as allowed may not be imported; the CDK may be
 * imported by lib/ and bin/app.ts alone, so that no running code depends on it.
 */
const folders = [
  'bin',
  'lib',
  'core',
  'lambda',
  'agent',
  'local',
  'cli',
  'admin',
  'console',
  'test',
  'bench',
];
const allowed = {
  core: [],
  lib: ['core'],
  lambda: ['core'],
  agent: ['core'],
  local: ['core'],
  cli: ['core'],
  admin: ['core'],
  console: ['core'],
  bench: ['core', 'agent', 'local', 'lambda'],
  bin: ['lib', 'core', 'agent', 'local', 'cli', 'admin'],
};
const cdk = {
  regex: '^(aws-cdk-lib|constructs|cdk-nag)(/|$)',
  message: 'The CDK is for lib/ and bin/app.ts; running code must not import it.',
};
const direction = (folder, may) => ({
  regex: `^(\\.\\./)+(${folders.filter((other) => other !== folder && !may.includes(other)).join('|')})/`,
  message: `${folder}/ may import ${may.length ? may.join(', ') : 'nothing of ours'} only (see ARCHITECTURE.md).`,
});
const restrict = (patterns) => ({ '@typescript-eslint/no-restricted-imports': ['error', { patterns }] });

export default tseslint.config(
  { ignores: ['node_modules', 'cdk.out', '.data', 'bench/results'] },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  {
    files: ['**/*.ts'],
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      eqeqeq: 'error',
      'no-console': 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportAllDeclaration', message: 'No barrels: import from the file that defines it.' },
      ],
    },
  },
  { files: ['bin/**', 'bench/**', 'test/**', 'cli/**'], rules: { 'no-console': 'off' } },
  { files: ['**/*.js'], languageOptions: { globals: { process: 'readonly', console: 'readonly' } } },
  ...Object.entries(allowed).map(([folder, may]) => ({
    files: [`${folder}/**/*.ts`],
    ignores: ['bin/app.ts'],
    rules: restrict(folder === 'lib' ? [direction(folder, may)] : [direction(folder, may), cdk]),
  })),
  {
    files: ['core/**/*.ts'],
    rules: restrict([
      direction('core', []),
      cdk,
      {
        regex: '^(@aws-sdk|node:fs|node:net|node:http|node:child_process|ws)(/|$)',
        message: 'core/ is pure: no I/O, no AWS.',
      },
    ]),
  },
);
