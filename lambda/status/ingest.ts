import { randomUUID } from 'node:crypto';
import {
  ApiGatewayManagementApiClient,
  GoneException,
  PostToConnectionCommand,
} from '@aws-sdk/client-apigatewaymanagementapi';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { z } from 'zod';
import { requireEnv } from '../../core/env.ts';
import { jsonLog } from '../../core/log.ts';
import { protocolVersion } from '../../core/messages.ts';
import { dynamoStatusStore } from './status-store.ts';
import { takeReport, type ReportDeps } from './take-report.ts';

/** What API Gateway hands over: the authorizer's context comes as text. */
const eventSchema = z.object({
  body: z.string().default(''),
  requestContext: z.object({
    connectionId: z.string(),
    authorizer: z.object({
      gatewayId: z.string(),
      tenantId: z.string(),
      epoch: z.coerce.number().int(),
      keyGeneration: z.coerce.number().int(),
    }),
  }),
});

export function reportDeps(env: Record<string, string | undefined>): ReportDeps {
  const client = DynamoDBDocumentClient.from(new DynamoDBClient({}), {
    marshallOptions: { removeUndefinedValues: true },
  });
  const connections = new ApiGatewayManagementApiClient({ endpoint: requireEnv(env, 'CALLBACK_URL') });
  const log = jsonLog((line) => process.stdout.write(`${line}\n`), Date.now);
  return {
    store: dynamoStatusStore(client, {
      gateways: requireEnv(env, 'GATEWAYS_TABLE'),
      status: requireEnv(env, 'STATUS_TABLE'),
      inventory: requireEnv(env, 'INVENTORY_TABLE'),
    }),
    post: async ({ connectionId, gatewayId, epoch }, t, body) => {
      const frame = { v: protocolVersion, t, id: randomUUID(), epoch, seq: 0, ts: Date.now(), body };
      try {
        await connections.send(
          new PostToConnectionCommand({ ConnectionId: connectionId, Data: JSON.stringify(frame) }),
        );
      } catch (thrown) {
        // The agent repeats what was not acknowledged; a failed answer is no reason to fail the stored status.
        const code =
          thrown instanceof GoneException ? 'gone' : thrown instanceof Error ? thrown.name : 'unknown';
        log('warn', 'post.failed', { gatewayId, t, code });
      }
    },
    cellId: requireEnv(env, 'CELL_ID'),
    now: Date.now,
    log,
  };
}

let deps: ReportDeps | undefined;

/** Serves the routes `status` and `inventory`. */
export async function handler(event: unknown): Promise<{ statusCode: number }> {
  const { body, requestContext } = eventSchema.parse(event);
  const { connectionId, authorizer } = requestContext;
  await takeReport((deps ??= reportDeps(process.env)), { connectionId, ...authorizer }, body);
  return { statusCode: 200 };
}
