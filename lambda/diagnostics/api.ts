import { fromEnv } from '@aws-sdk/credential-providers';
import { bucketUrl } from '../../core/s3-address.ts';
import { presignedGetUrl } from '../../core/sigv4.ts';
import { dynamoTrail } from '../audit/trail.ts';
import { httpHandler } from '../aws/http-handler.ts';
import { auditTable, commandsTable, gatewaysTable } from '../aws/tables.ts';
import { systemClock } from '../commands/aws-deps.ts';
import { dynamoCommands, dynamoGateways } from '../commands/dynamo-stores.ts';
import { linkBundle, type LinkDeps } from './link-bundle.ts';

export const env = ['GATEWAYS_TABLE', 'COMMANDS_TABLE', 'AUDIT_TABLE', 'SNAPSHOT_BUCKET'] as const;

/** Signs with the function's own role: a link can read bundles and nothing else. */
export const handler = httpHandler<typeof env, Omit<LinkDeps, 'log'>>({
  env,
  deps: (names) => ({
    gateways: dynamoGateways(gatewaysTable(names.GATEWAYS_TABLE)),
    commands: dynamoCommands(commandsTable(names.COMMANDS_TABLE)),
    clock: systemClock,
    sign: signer(names.SNAPSHOT_BUCKET),
  }),
  audit: ({ AUDIT_TABLE }) => dynamoTrail(auditTable(AUDIT_TABLE)),
  routes: {
    linkBundle: (deps, { principal, tenantId, params, log }) =>
      linkBundle(
        { ...deps, log },
        { principal, tenantId },
        params['gatewayId'] ?? '',
        params['commandId'] ?? '',
      ),
  },
});

function signer(bucket: string): LinkDeps['sign'] {
  const region = process.env['AWS_REGION'] ?? 'us-east-1';
  // Set where S3 is not AWS's own (local mode).
  const base = bucketUrl({ bucket, region, endpoint: process.env['AWS_ENDPOINT_URL_S3'] });
  const keys = fromEnv();
  return async (key, holds) =>
    presignedGetUrl(new URL(`${base.href.replace(/\/+$/, '')}/${key}`), {
      ...holds,
      region,
      keys: await keys(),
    });
}
