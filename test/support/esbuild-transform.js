import { createHash } from 'node:crypto';
import { transformSync, version } from 'esbuild';

const options = { loader: 'ts', format: 'esm', target: 'node24', sourcemap: 'inline' };

/** Strips types for jest; type errors are the type checker's to find. */
export default {
  process(source, filename) {
    return transformSync(source, { ...options, sourcefile: filename });
  },
  getCacheKey(source, filename, { configString }) {
    return createHash('sha256')
      .update(JSON.stringify([version, options, source, filename, configString]))
      .digest('hex');
  },
};
