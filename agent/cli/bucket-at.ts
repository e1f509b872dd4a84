import type { Bucket } from '../s3/bucket.ts';
import { openBucket } from '../s3/s3-bucket.ts';
import { newS3Client } from '../s3/s3-client.ts';
import type { S3Location } from '../s3/s3-url.ts';
import type { CliContext } from './cli-context.ts';

/** The bucket of an `s3://` location, by the settings of the command's environment. */
export const bucketAt = ({ bucket, prefix }: S3Location, cli: Pick<CliContext, 'env'>): Bucket =>
  openBucket({ client: newS3Client(cli.env), bucket, prefix });
