import { beforeAll, describe, expect, it } from '@jest/globals';
import { grantsOf, roleName, type Grant } from './grants.ts';
import { readable } from './readable.ts';
import { homeAndCell, ofType, type SynthesizedStack } from './synthesis.ts';

let stacks: SynthesizedStack[];
beforeAll(async () => {
  const { home, cell } = await homeAndCell();
  stacks = [home, cell];
});

const here = (service: string, rest: string): string =>
  `arn:aws:${service}:eu-central-1:{AWS::AccountId}:${rest}`;
const cellDirectory = here('ssm', 'parameter/holdfast/cells');
const deliver1 = here('lambda', 'function:holdfast-cell-1-deliver');
const deliver2 = here('lambda', 'function:holdfast-cell-2-deliver');
const delivery = '{home/AlertDeliveryFunction.Arn}';
const connections = (method: string): string =>
  here('execute-api', `{cell-1/WebSocketApi}/v1/${method}/@connections/*`);

/** Everything that each role may do; beside it every function may write to its own log. */
const allowed: Record<string, string[]> = {
  'home/HttpAuthorizer': ['dynamodb:GetItem on {home/TablesTokens.Arn}'],
  'home/Activation': [
    'dynamodb:PartiQLInsert on {home/TablesAudit.Arn}',
    'dynamodb:GetItem PutItem UpdateItem on {home/TablesActivationCodes.Arn}',
    'dynamodb:GetItem PutItem on {home/TablesGateways.Arn}',
    `ssm:GetParametersByPath on ${cellDirectory}`,
  ],
  'home/Gateways': [
    'dynamodb:PartiQLInsert on {home/TablesAudit.Arn}',
    'dynamodb:BatchGetItem GetItem Scan UpdateItem on {home/TablesGateways.Arn}',
    'dynamodb:Query on {home/TablesGateways.Arn}/index/byTenant',
    'dynamodb:BatchGetItem GetItem on {home/TablesStatus.Arn}',
    'dynamodb:GetItem on {home/TablesInventory.Arn}',
    'dynamodb:Query on {home/TablesRollups.Arn}',
    'dynamodb:GetItem PutItem on {home/TablesCommands.Arn}',
    'dynamodb:Query on {home/TablesCommands.Arn}/index/open',
    `ssm:GetParametersByPath on ${cellDirectory}`,
    `lambda:InvokeFunction on ${deliver1}`,
    `lambda:InvokeFunction on ${deliver2}`,
  ],
  'home/Configuration': [
    'dynamodb:PartiQLInsert on {home/TablesAudit.Arn}',
    'dynamodb:GetItem UpdateItem on {home/TablesGateways.Arn}',
    'dynamodb:GetItem UpdateItem on {home/TablesConfigurations.Arn}',
    `ssm:GetParametersByPath on ${cellDirectory}`,
    `lambda:InvokeFunction on ${deliver1}`,
    `lambda:InvokeFunction on ${deliver2}`,
  ],
  'home/Cells': [
    'dynamodb:PartiQLInsert on {home/TablesAudit.Arn}',
    'dynamodb:GetItem UpdateItem on {home/TablesCells.Arn}',
    `ssm:GetParametersByPath on ${cellDirectory}`,
    `lambda:InvokeFunction on ${deliver1}`,
    `lambda:InvokeFunction on ${deliver2}`,
  ],
  'home/Commands': [
    'dynamodb:PartiQLInsert on {home/TablesAudit.Arn}',
    'dynamodb:GetItem UpdateItem on {home/TablesGateways.Arn}',
    'dynamodb:GetItem PutItem on {home/TablesCommands.Arn}',
    'dynamodb:Query on {home/TablesCommands.Arn}/index/open',
    'dynamodb:Query on {home/TablesCommands.Arn}/index/byTime',
    `ssm:GetParametersByPath on ${cellDirectory}`,
    `lambda:InvokeFunction on ${deliver1}`,
    `lambda:InvokeFunction on ${deliver2}`,
  ],
  'home/BundleLinks': [
    'dynamodb:PartiQLInsert on {home/TablesAudit.Arn}',
    'dynamodb:GetItem on {home/TablesGateways.Arn}',
    'dynamodb:GetItem on {home/TablesCommands.Arn}',
    's3:GetObject on {home/SnapshotsBucket.Arn}/diagnostics/*',
  ],
  'home/BulkSends': [
    'dynamodb:PartiQLInsert on {home/TablesAudit.Arn}',
    'dynamodb:BatchGetItem GetItem PutItem UpdateItem on {home/TablesBulkSends.Arn}',
    'dynamodb:Query on {home/TablesBulkSends.Arn}/index/byTenant',
    'dynamodb:Query on {home/TablesBulkTargets.Arn}',
  ],
  'home/BulkRunner': [
    'dynamodb:PartiQLInsert on {home/TablesAudit.Arn}',
    'dynamodb:GetItem UpdateItem on {home/TablesBulkSends.Arn}',
    'dynamodb:Query on {home/TablesBulkSends.Arn}/index/open',
    'dynamodb:GetItem PutItem Query UpdateItem on {home/TablesBulkTargets.Arn}',
    'dynamodb:BatchGetItem GetItem UpdateItem on {home/TablesGateways.Arn}',
    'dynamodb:Query on {home/TablesGateways.Arn}/index/byTenant',
    'dynamodb:BatchGetItem on {home/TablesStatus.Arn}',
    'dynamodb:GetItem PutItem on {home/TablesCommands.Arn}',
    'dynamodb:Query on {home/TablesCommands.Arn}/index/open',
    `ssm:GetParametersByPath on ${cellDirectory}`,
    `lambda:InvokeFunction on ${deliver1}`,
    `lambda:InvokeFunction on ${deliver2}`,
    'sqs:SendMessage on {home/DeadLetters.Arn}',
  ],
  'home/Alerts': [
    'dynamodb:PartiQLInsert on {home/TablesAudit.Arn}',
    'dynamodb:GetItem PutItem on {home/TablesAlerts.Arn}',
    'dynamodb:Query on {home/TablesAlerts.Arn}/index/byTenant',
    'dynamodb:Query on {home/TablesAlerts.Arn}/index/open',
    'dynamodb:GetItem on {home/TablesGateways.Arn}',
    'dynamodb:GetItem on {home/TablesStatus.Arn}',
    'dynamodb:GetItem PutItem on {home/TablesConditionSettings.Arn}',
    'dynamodb:DeleteItem GetItem PutItem Query UpdateItem on {home/TablesSilences.Arn}',
    'dynamodb:Query on {home/TablesCommands.Arn}',
    'dynamodb:GetItem on {home/TablesPatterns.Arn}',
  ],
  'home/Access': [
    'dynamodb:PartiQLInsert on {home/TablesAudit.Arn}',
    'dynamodb:DeleteItem GetItem PutItem on {home/TablesTokens.Arn}',
    'dynamodb:Query on {home/TablesTokens.Arn}/index/byTenant',
  ],
  'home/Subscriptions': [
    'dynamodb:PartiQLInsert on {home/TablesAudit.Arn}',
    'dynamodb:DeleteItem GetItem PutItem Query UpdateItem on {home/TablesSubscriptions.Arn}',
    'dynamodb:GetItem PutItem on {home/TablesAlertLanes.Arn}',
    'dynamodb:Query on {home/TablesAlertLanes.Arn}/index/due',
    'dynamodb:BatchGetItem DeleteItem PutItem Query on {home/TablesDeadLetters.Arn}',
    'dynamodb:GetItem UpdateItem on {home/TablesSendBudgets.Arn}',
    'kms:Encrypt on {home/WebhookKey.Arn}',
    `lambda:InvokeFunction on ${delivery}`,
  ],
  'home/Audit': [
    'dynamodb:Query on {home/TablesAudit.Arn}',
    'dynamodb:Query on {home/TablesAudit.Arn}/index/byGateway',
  ],
  'home/Sweeper': [
    'dynamodb:PartiQLInsert on {home/TablesAudit.Arn}',
    'dynamodb:GetItem UpdateItem on {home/TablesGateways.Arn}',
    'dynamodb:GetItem PutItem on {home/TablesCommands.Arn}',
    'dynamodb:Query on {home/TablesCommands.Arn}/index/open',
    'dynamodb:Query on {home/TablesCommands.Arn}/index/openByShard',
    `ssm:GetParametersByPath on ${cellDirectory}`,
    `lambda:InvokeFunction on ${deliver1}`,
    `lambda:InvokeFunction on ${deliver2}`,
    'sqs:SendMessage on {home/DeadLetters.Arn}',
  ],
  'home/StatusProxy': [
    'dynamodb:Scan on {home/TablesStatus.Arn}',
    'dynamodb:BatchGetItem Scan on {home/TablesGateways.Arn}',
    'dynamodb:Query on {home/TablesGateways.Arn}/index/byNews',
    'dynamodb:Scan on {home/TablesConditionSettings.Arn}',
    'dynamodb:GetItem PutItem on {home/TablesAlerts.Arn}',
    'dynamodb:Query on {home/TablesAlerts.Arn}/index/open',
    'dynamodb:BatchGetItem on {home/TablesInventory.Arn}',
    'dynamodb:GetItem PutItem on {home/TablesPatterns.Arn}',
    'dynamodb:Query on {home/TablesSilences.Arn}',
    'dynamodb:BatchGetItem on {home/TablesConfigurations.Arn}',
    'events:PutEvents on {home/AlertBus.Arn}',
    'sqs:SendMessage on {home/DeadLetters.Arn}',
  ],
  'home/DesignReport': [
    'dynamodb:GetItem PutItem on {home/TablesPatterns.Arn}',
    'sqs:SendMessage on {home/DeadLetters.Arn}',
  ],
  'home/SubscriptionRouter': [
    'dynamodb:GetItem Query UpdateItem on {home/TablesSubscriptions.Arn}',
    'dynamodb:GetItem PutItem on {home/TablesAlertLanes.Arn}',
    'dynamodb:PutItem on {home/TablesDeadLetters.Arn}',
    `lambda:InvokeFunction on ${delivery}`,
    'sqs:SendMessage on {home/DeadLetters.Arn}',
  ],
  'home/AlertRetries': [
    'dynamodb:Query on {home/TablesSubscriptions.Arn}/index/due',
    `lambda:InvokeFunction on ${delivery}`,
    'sqs:SendMessage on {home/DeadLetters.Arn}',
  ],
  'home/AlertDelivery': [
    'dynamodb:GetItem UpdateItem on {home/TablesSubscriptions.Arn}',
    'dynamodb:GetItem PutItem on {home/TablesAlertLanes.Arn}',
    'dynamodb:Query on {home/TablesAlertLanes.Arn}/index/due',
    'dynamodb:PutItem on {home/TablesDeadLetters.Arn}',
    'kms:Decrypt on {home/WebhookKey.Arn}',
    'sqs:SendMessage on arn:aws:sqs:*:*:holdfast-alerts-*',
    'sns:Publish on arn:aws:sns:*:*:holdfast-alerts-*',
    'events:PutEvents on arn:aws:events:*:*:event-bus/holdfast-alerts-*',
    'sqs:SendMessage on {home/DeadLetters.Arn}',
  ],
  'home/ApiLogging': [
    'logs:CreateLogGroup CreateLogStream DescribeLogGroups DescribeLogStreams FilterLogEvents GetLogEvents PutLogEvents on *',
  ],
  'cell-1/WsAuthorizer': [
    'dynamodb:GetItem UpdateItem on {home/TablesGateways.Arn}',
    'dynamodb:GetItem on {home/TablesCells.Arn}',
  ],
  'cell-1/HttpAuthorizer': ['dynamodb:GetItem on {home/TablesTokens.Arn}'],
  'cell-1/Connect': [],
  'cell-1/Disconnect': [
    'dynamodb:GetItem UpdateItem on {home/TablesGateways.Arn}',
    'dynamodb:DeleteItem GetItem on {cell-1/Connections.Arn}',
  ],
  'cell-1/Hello': [
    'dynamodb:PartiQLInsert on {home/TablesAudit.Arn}',
    'dynamodb:GetItem UpdateItem on {home/TablesGateways.Arn}',
    'dynamodb:DeleteItem GetItem UpdateItem on {cell-1/Connections.Arn}',
    'dynamodb:GetItem UpdateItem on {home/TablesConfigurations.Arn}',
    'dynamodb:GetItem PutItem on {home/TablesCommands.Arn}',
    'dynamodb:Query on {home/TablesCommands.Arn}/index/open',
    `ssm:GetParametersByPath on ${cellDirectory}`,
    `lambda:InvokeFunction on ${deliver2}`,
    `execute-api:ManageConnections on ${connections('POST')}`,
    `execute-api:ManageConnections on ${connections('DELETE')}`,
  ],
  'cell-1/CommandReports': [
    'dynamodb:PartiQLInsert on {home/TablesAudit.Arn}',
    'dynamodb:GetItem UpdateItem on {home/TablesGateways.Arn}',
    'dynamodb:GetItem PutItem on {home/TablesCommands.Arn}',
    'dynamodb:Query on {home/TablesCommands.Arn}/index/open',
    `execute-api:ManageConnections on ${connections('POST')}`,
    `execute-api:ManageConnections on ${connections('DELETE')}`,
  ],
  'cell-1/Credentials': [
    'dynamodb:GetItem on {home/TablesGateways.Arn}',
    'sts:AssumeRole on {cell-1/AgentStorageRole.Arn}',
    `execute-api:ManageConnections on ${connections('POST')}`,
    `execute-api:ManageConnections on ${connections('DELETE')}`,
  ],
  'cell-1/KeyRotation': [
    'dynamodb:GetItem UpdateItem on {home/TablesGateways.Arn}',
    `execute-api:ManageConnections on ${connections('POST')}`,
    `execute-api:ManageConnections on ${connections('DELETE')}`,
  ],
  'cell-1/AgentStorage': [
    's3:DeleteObject GetObject PutObject on {home/SnapshotsBucket.Arn}/*',
    's3:ListBucket on {home/SnapshotsBucket.Arn}',
  ],
  'cell-1/StatusIngest': [
    'dynamodb:GetItem PutItem on {home/TablesStatus.Arn}',
    'dynamodb:GetItem PutItem on {home/TablesInventory.Arn}',
    'dynamodb:GetItem PutItem on {home/TablesRollups.Arn}',
    'dynamodb:GetItem UpdateItem on {home/TablesConfigurations.Arn}',
    'dynamodb:GetItem UpdateItem on {home/TablesGateways.Arn}',
    `execute-api:ManageConnections on ${connections('POST')}`,
    `execute-api:ManageConnections on ${connections('DELETE')}`,
  ],
  'cell-1/Deliver': [
    'dynamodb:DeleteItem GetItem Scan on {cell-1/Connections.Arn}',
    'dynamodb:GetItem UpdateItem on {home/TablesGateways.Arn}',
    `execute-api:ManageConnections on ${connections('POST')}`,
    `execute-api:ManageConnections on ${connections('DELETE')}`,
  ],
  'cell-1/DefaultRoute': [`execute-api:ManageConnections on ${connections('POST')}`],
  'cell-1/CellCommands': [
    'dynamodb:PartiQLInsert on {home/TablesAudit.Arn}',
    'dynamodb:GetItem UpdateItem on {home/TablesGateways.Arn}',
    'dynamodb:GetItem PutItem on {home/TablesCommands.Arn}',
    'dynamodb:Query on {home/TablesCommands.Arn}/index/open',
    'dynamodb:Query on {home/TablesCommands.Arn}/index/byTime',
    'dynamodb:GetItem on {cell-1/Connections.Arn}',
    `ssm:GetParametersByPath on ${cellDirectory}`,
    `lambda:InvokeFunction on ${deliver1}`,
    `lambda:InvokeFunction on ${deliver2}`,
  ],
};

/** The actions of one service on one resource as one line. */
function lines(grants: Grant[]): string[] {
  const service = ({ action }: Grant) => action.split(':')[0];
  const groups = Map.groupBy(grants, (grant) => `${service(grant)} ${grant.resource}`);
  return [...groups.values()].map((group) => {
    const verbs = group.map(({ action }) => action.split(':')[1]).sort();
    return `${service(group[0]!)}:${verbs.join(' ')} on ${group[0]!.resource}`;
  });
}

/** The roles of a template, whether a policy is attached to them or not. */
const roles = () =>
  stacks.flatMap((stack) =>
    Object.entries(ofType(stack, 'AWS::IAM::Role')).map(([Ref, { Properties }]) => ({
      name: roleName(readable(stack, { Ref }, stacks)),
      properties: Properties,
      stack,
    })),
  );

describe('a role', () => {
  it('may do what stands in its row, and nothing else', () => {
    const grants = Map.groupBy(grantsOf(stacks), ({ of }) => of);
    const ownLog = (of: string) => `logs:CreateLogStream PutLogEvents on {${of}Logs.Arn}`;
    const found = roles().map(({ name }) => [
      name,
      lines(grants.get(name) ?? []).filter((line) => line !== ownLog(name)),
    ]);
    const sorted = (table: [string, string[]][]) =>
      Object.fromEntries(table.map(([of, row]) => [of, row.toSorted()]));
    expect(sorted(found as [string, string[]][])).toEqual(sorted(Object.entries(allowed)));
  });

  it('of a function writes its log and is that function’s own', () => {
    const grants = grantsOf(stacks);
    for (const stack of stacks)
      for (const { path, logicalId, resource } of stack.functions) {
        const of = roleName(readable(stack, resource.Properties['Role'], stacks));
        expect({ path, of: `holdfast-${of}` }).toEqual({ path, of: path });
        const { LogGroup } = resource.Properties['LoggingConfig'] as { LogGroup: unknown };
        const log = readable(stack, LogGroup, stacks);
        expect({ logicalId, log }).toEqual({ logicalId, log: `{${of}Logs}` });
        const actions = grants.filter((grant) => grant.of === of && grant.resource === `{${of}Logs.Arn}`);
        expect(actions.map(({ action }) => action)).toEqual(['logs:CreateLogStream', 'logs:PutLogEvents']);
      }
  });

  it('is assumed by Lambda; the two that are no function’s by API Gateway and by who issues sessions', () => {
    const others: Record<string, object> = {
      'home/ApiLogging': { Service: 'apigateway.amazonaws.com' },
      'cell-1/AgentStorage': { AWS: '{cell-1/CredentialsRole.Arn}' },
    };
    for (const { name, properties, stack } of roles()) {
      const { Statement } = properties['AssumeRolePolicyDocument'] as { Statement: Trust[] };
      const trusts = Statement.map(({ Principal, ...rest }) => ({
        ...rest,
        Principal: Object.fromEntries(
          Object.entries(Principal).map(([kind, who]) => [kind, readable(stack, who, stacks)]),
        ),
      }));
      const Principal = others[name] ?? { Service: 'lambda.amazonaws.com' };
      expect({ name, trusts }).toEqual({
        name,
        trusts: [{ Action: 'sts:AssumeRole', Effect: 'Allow', Principal }],
      });
    }
  });
});

interface Trust {
  Action: string;
  Effect: string;
  Principal: Record<string, unknown>;
}
