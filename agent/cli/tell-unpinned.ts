import type { Bucket } from '../s3/bucket.ts';
import type { CliContext } from './cli-context.ts';

/** Who may only read cannot pin: then nothing keeps the snapshot from being deleted meanwhile. */
export function tellUnpinned({ url }: Bucket, cli: CliContext): void {
  cli.stderr(`note: these credentials may not write to ${url}; do not delete the snapshot meanwhile\n`);
}
