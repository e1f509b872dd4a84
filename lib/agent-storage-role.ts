import { Duration, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, type IGrantable } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { acknowledgeWildcard } from './nag.ts';

export interface AgentStorageRoleProps {
  readonly bucket: IBucket;
  /** Who may cut sessions from it: the function that knows which gateway asks. */
  readonly issuer: IGrantable;
}

/**
 * The most that an agent's S3 session can ever do. Every session is cut down by a session policy to one prefix and
 * one purpose (write, read, delete, a diagnostics bundle); nobody holds this role as it is.
 */
export class AgentStorageRole extends Construct {
  readonly role: Role;

  constructor(scope: Construct, id: string, { bucket, issuer }: AgentStorageRoleProps) {
    super(scope, id);
    this.role = new Role(this, 'Role', {
      assumedBy: issuer.grantPrincipal,
      description:
        'Agents reach their snapshots through sessions of this role, each with a policy of its own',
      maxSessionDuration: Duration.hours(1),
    });
    // The bucket is another stack's: exported here so that its ARN can be named now.
    const everyObject = `${Stack.of(bucket).exportValue(bucket.bucketArn)}/*`;
    this.role.addToPolicy(
      new PolicyStatement({
        actions: ['s3:GetObject', 's3:PutObject', 's3:DeleteObject'],
        resources: [everyObject],
      }),
    );
    this.role.addToPolicy(new PolicyStatement({ actions: ['s3:ListBucket'], resources: [bucket.bucketArn] }));
    acknowledgeWildcard(
      this,
      everyObject,
      'Every object of the snapshot bucket: the session policy of each session names the one prefix it may use.',
    );
  }
}
