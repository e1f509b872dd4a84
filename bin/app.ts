import { errorLine, asHoldfastError, errorCodes, HoldfastError } from '../core/errors.ts';
import { createApp } from '../lib/app.ts';
import { bundleHandlers } from '../lib/bundle.ts';

/** Synthesizes the application: run by `cdk synth` and `cdk deploy`, or as it is with CDK_OUTDIR set. */
try {
  using bundles = await bundleHandlers();
  createApp({ bundles }).synth();
} catch (thrown) {
  if (!(thrown instanceof HoldfastError)) throw thrown;
  const error = asHoldfastError(thrown);
  console.error(errorLine(error));
  process.exitCode = errorCodes[error.code].exit;
}
