import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import { HoldfastError } from '../../core/errors.ts';
import { clientOptions, once } from '../aws/client-options.ts';
import { apiGatewayConnections } from '../aws/connections.ts';
import { gatewaysTable } from '../aws/tables.ts';
import { webSocketHandler } from '../aws/websocket-handler.ts';
import { systemClock } from '../commands/aws-deps.ts';
import { dynamoGateways } from '../commands/dynamo-stores.ts';
import { issueCredentials, type CredentialsDeps } from './issue-credentials.ts';
import { receive, socketOf } from './socket.ts';

export const env = ['GATEWAYS_TABLE', 'SNAPSHOT_BUCKET', 'AGENT_STORAGE_ROLE_ARN', 'CALLBACK_URL'] as const;

const sts = once(() => new STSClient(clientOptions));

/** Route `creds.get`. */
export const handler = webSocketHandler<typeof env, Omit<CredentialsDeps, 'log'>>({
  env,
  deps: (names) => ({
    gateways: dynamoGateways(gatewaysTable(names.GATEWAYS_TABLE)),
    connections: apiGatewayConnections(names.CALLBACK_URL),
    clock: systemClock,
    bucket: names.SNAPSHOT_BUCKET,
    region: process.env['AWS_REGION'] ?? 'us-east-1',
    // Set where S3 is not AWS's own (local mode): agents have to find it there, too.
    endpoint: process.env['AWS_ENDPOINT_URL_S3'],
    assumeRole: (session) => assumeRole(names.AGENT_STORAGE_ROLE_ARN, session),
  }),
  handle: async (shared, request) => {
    const deps = { ...shared, log: request.log };
    const socket = socketOf(request);
    const message = await receive(deps, socket, request.body, ['creds.get']);
    if (message) await issueCredentials(deps, socket, message);
  },
});

async function assumeRole(
  roleArn: string,
  { name, policy, durationSec }: Parameters<CredentialsDeps['assumeRole']>[0],
): ReturnType<CredentialsDeps['assumeRole']> {
  const { Credentials: issued } = await sts().send(
    new AssumeRoleCommand({
      RoleArn: roleArn,
      RoleSessionName: name,
      Policy: policy,
      DurationSeconds: durationSec,
    }),
  );
  if (!issued?.AccessKeyId || !issued.SecretAccessKey || !issued.SessionToken || !issued.Expiration)
    throw new HoldfastError('UNAVAILABLE', 'STS answered without credentials');
  return {
    accessKeyId: issued.AccessKeyId,
    secretAccessKey: issued.SecretAccessKey,
    sessionToken: issued.SessionToken,
    expiresAt: issued.Expiration.getTime(),
  };
}
