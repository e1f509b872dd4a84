import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { handlerEntries, type HandlerName } from './handlers.ts';

const repository = fileURLToPath(new URL('..', import.meta.url));

/** zod brings its messages in fifty languages; ours are English, and every function would carry them all. */
const englishOnly: Plugin = {
  name: 'english-only',
  setup: ({ onLoad }) =>
    onLoad({ filter: /zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: "export{default as en}from'./en.js'",
    })),
};

/** Bundles on disk until the CDK has copied them into its assembly. */
export interface Bundles extends Disposable {
  /** Directory whose `index.mjs` exports the function's `handler`. */
  directoryOf(name: HandlerName): string;
}

/**
 * Bundles every handler, the AWS SDK included, so that what runs is what was tested. The output depends on the
 * sources alone (no paths, no times): an unchanged function keeps its hash and is not deployed again.
 */
export async function bundleHandlers(): Promise<Bundles> {
  const outdir = mkdtempSync(join(tmpdir(), 'holdfast-bundles-'));
  const names = Object.keys(handlerEntries) as HandlerName[];
  await build({
    absWorkingDir: repository,
    entryPoints: names.map((name) => ({ in: handlerEntries[name], out: join(name, 'index') })),
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    mainFields: ['module', 'main'],
    // Names stay as they are, for logs and traces; `keepNames` would say each anew at every function that is made.
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    // Some dependencies are CommonJS and require Node's own modules, which an ES module cannot do by itself.
    banner: {
      js: "import{createRequire as $createRequire}from'node:module';const require=$createRequire(import.meta.url);",
    },
    plugins: [englishOnly],
    logLevel: 'warning',
  });
  return {
    directoryOf: (name) => join(outdir, name),
    [Symbol.dispose]: () => rmSync(outdir, { recursive: true, force: true }),
  };
}
