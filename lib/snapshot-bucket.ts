import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { BlockPublicAccess, Bucket, BucketEncryption, type BucketProps } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { diagnosticsFolder, diagnosticsLimits } from '../core/diagnostics.ts';
import { acknowledge } from './nag.ts';

const locked: BucketProps = {
  blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
  encryption: BucketEncryption.S3_MANAGED,
  enforceSSL: true,
  minimumTLSVersion: 1.2,
  removalPolicy: RemovalPolicy.RETAIN,
};

/**
 * Where agents keep snapshots, under `<tenantId>/<gatewayId>/<volumeId>`, and diagnostics bundles for a while, in a
 * folder that can be no tenant's. Objects are written once under names that
 * nobody else can choose, so a version that is not the current one is what a mistaken or hostile delete left
 * behind: it stays recoverable for a month.
 */
export class SnapshotBucket extends Construct {
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    const accessLogs = new Bucket(this, 'AccessLogs', {
      ...locked,
      lifecycleRules: [{ id: 'expire', expiration: Duration.days(90) }],
    });
    acknowledge(
      accessLogs,
      'AwsSolutions-S1',
      'It is the access log itself; logging it would feed on itself.',
    );
    this.bucket = new Bucket(this, 'Bucket', {
      ...locked,
      versioned: true,
      serverAccessLogsBucket: accessLogs,
      serverAccessLogsPrefix: 'snapshots/',
      lifecycleRules: [
        { id: 'deleted', noncurrentVersionExpiration: Duration.days(30), expiredObjectDeleteMarker: true },
        {
          id: 'diagnostics',
          prefix: `${diagnosticsFolder}/`,
          expiration: Duration.days(diagnosticsLimits.keptDays),
          // Of a bundle nothing has to be recoverable.
          noncurrentVersionExpiration: Duration.days(1),
        },
        { id: 'abandoned-uploads', abortIncompleteMultipartUploadAfter: Duration.days(7) },
      ],
    });
  }
}
