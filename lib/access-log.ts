import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway';
import { LogGroupLogDestination, type IAccessLogSettings } from 'aws-cdk-lib/aws-apigatewayv2';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnAccount } from 'aws-cdk-lib/aws-apigateway';
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { acknowledgeWildcard } from './nag.ts';

export interface AccessLogProps {
  readonly retentionDays: number;
  /** Names of `$context` variables; none may carry a header or a body, where credentials travel. */
  readonly fields: readonly string[];
}

/** One JSON line per request. The group's name keeps API Gateway from growing the account's resource policy. */
export function createAccessLog(scope: Construct, id: string, props: AccessLogProps): IAccessLogSettings {
  const logGroup = new LogGroup(scope, id, {
    logGroupName: `/aws/vendedlogs/${Stack.of(scope).stackName}/${id.toLowerCase()}`,
    retention: props.retentionDays as RetentionDays,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  const format = Object.fromEntries(props.fields.map((name) => [name, `$context.${name}`]));
  return {
    destination: new LogGroupLogDestination(logGroup),
    format: AccessLogFormat.custom(JSON.stringify(format)),
  };
}

/** WebSocket APIs write access logs through a role of the account and region, which somebody has to set once. */
export class ApiLoggingAccount extends Construct {
  constructor(scope: Construct, id: string) {
    super(scope, id);
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('apigateway.amazonaws.com') });
    role.addToPolicy(
      new PolicyStatement({
        actions: [
          'logs:CreateLogGroup',
          'logs:CreateLogStream',
          'logs:DescribeLogGroups',
          'logs:DescribeLogStreams',
          'logs:PutLogEvents',
          'logs:GetLogEvents',
          'logs:FilterLogEvents',
        ],
        resources: ['*'],
      }),
    );
    acknowledgeWildcard(
      role,
      '*',
      'API Gateway checks that its role may write to any log group of the account before it takes it.',
    );
    const account = new CfnAccount(this, 'Account', { cloudWatchRoleArn: role.roleArn });
    account.node.addDependency(role);
  }
}
