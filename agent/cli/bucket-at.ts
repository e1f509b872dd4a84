import type { Bucket } from '../s3/bucket.ts';
import { openBucket } from '../s3/s3-bucket.ts';
import { newS3Client } from '../s3/s3-client.ts';
import { inlineTransfersBy, type Transfers } from '../transfer/transfers.ts';
import type { S3Location } from '../s3/s3-url.ts';
import type { CliContext } from './cli-context.ts';

/** For commands that somebody waits for: an error after seconds, not minutes. */
const quick = { retry: { budgetMs: 10_000 }, attemptTimeoutMs: 30_000 };

/** The bucket of an `s3://` location, by the settings of the command's environment. Says when it has to wait. */
export function bucketAt(
  { bucket, prefix }: S3Location,
  cli: Pick<CliContext, 'env' | 'stderr'>,
  options: { isQuick?: boolean; transfers?: Transfers } = {},
): Bucket {
  let said = '';
  return openBucket({
    client: newS3Client(cli.env),
    bucket,
    prefix,
    ...(options.isQuick && quick),
    transfers: options.transfers ?? inlineTransfersBy(cli.env),
    onRetry: ({ code, message }) => {
      if (said !== code) cli.stderr(`waiting: ${code}: ${message}; trying again\n`);
      said = code;
    },
  });
}
