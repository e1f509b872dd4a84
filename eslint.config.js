import js from '@eslint/js';
import tseslint from 'typescript-eslint';
import { boundaries } from './eslint-boundaries.js';

const code = '**/*.{ts,tsx,mts,cts,js,jsx,mjs,cjs}';

/**
 * Which folder may import which (besides itself), and which packages. A folder that is not named may import nothing
 * of ours and no CDK: so no running code depends on it. test/ may import everything.
 */
const directions = {
  folders: {
    lib: ['core'],
    lambda: ['core'],
    agent: ['core'],
    local: ['core'],
    cli: ['core'],
    admin: ['core'],
    console: ['core'],
    bench: ['core', 'agent', 'cli', 'local', 'lambda'],
    bin: ['core', 'agent', 'local', 'cli', 'admin'],
  },
  cdkIn: ['lib/', 'bin/app.ts'],
  /** core/ is pure: hashing, schemas and signing, no I/O. Other folders may import any package but the CDK. */
  packages: { core: ['node:crypto', 'zod', '@smithy/signature-v4'] },
  /** Only to switch the compile cache on. */
  moduleIn: ['bin/compile-cache.js'],
  /** A function's bundle, and the stores inside fauxqs: both know the file only when they run. */
  computedIn: ['local/functions/worker.ts', 'local/services/fauxqs.ts'],
};
const ofTheCdkApp = { ...directions, folders: { bin: ['lib', 'core'] } };

export default tseslint.config(
  { ignores: ['node_modules', 'cdk.out', '.data', 'bench/results'] },
  // A comment must not be able to switch off what the directions are meant to prove.
  { linterOptions: { noInlineConfig: true } },
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
  { files: [code], plugins: { holdfast: { rules: { boundaries } } } },
  { files: [code], ignores: ['test/**'], rules: { 'holdfast/boundaries': ['error', directions] } },
  { files: ['bin/app.ts'], rules: { 'holdfast/boundaries': ['error', ofTheCdkApp] } },
);
