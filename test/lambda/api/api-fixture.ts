import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { activationProofText } from '../../../core/api.ts';
import type { CellEntry } from '../../../core/env.ts';
import type { LogFields } from '../../../core/log.ts';
import type { Principal } from '../../../core/model.ts';
import type { ActivationDeps } from '../../../lambda/api/activate-gateway.ts';
import type { GatewaysDeps } from '../../../lambda/api/change-gateways.ts';
import type { TokenDeps } from '../../../lambda/api/tokens.ts';
import { dynamoTrail } from '../../../lambda/audit/trail.ts';
import {
  activationCodesTable,
  auditTable,
  commandsTable,
  gatewaysTable,
  inventoryTable,
  statusTable,
  tokensTable,
} from '../../../lambda/aws/tables.ts';
import { dynamoCommands } from '../../../lambda/commands/dynamo-stores.ts';
import type { TestDynamo } from '../../support/dynamo.ts';

export const cells: CellEntry[] = ['cell-1', 'cell-2'].map((cellId) => ({
  cellId,
  webSocketUrl: `wss://${cellId}.example.com/v1`,
  apiUrl: `https://${cellId}.example.com`,
  deliverFunctionName: `holdfast-${cellId}-deliver`,
}));

/** Where every request of these tests comes from. */
export const from = { requestId: 'r-1', sourceIp: '192.0.2.7', userAgent: 'test/1' };

type Deps = ActivationDeps & GatewaysDeps & TokenDeps;
export interface ApiFixture extends Deps {
  /** The clock's time; tests move it. */
  at: number;
  /** What was handed to other functions, in order. */
  readonly invoked: { functionName: string; payload: unknown }[];
  readonly entries: ReturnType<typeof auditTable>;
}

/** New, empty tables in DynamoDB, a clock that stands, and records of what leaves for other services. */
export async function apiFixture(dynamo: TestDynamo): Promise<ApiFixture> {
  const names = await dynamo.createTables();
  const entries = auditTable(names.AUDIT_TABLE, dynamo.client);
  const fixture: ApiFixture = {
    at: Date.UTC(2026, 0, 1),
    invoked: [],
    codes: activationCodesTable(names.ACTIVATION_CODES_TABLE, dynamo.client),
    gateways: gatewaysTable(names.GATEWAYS_TABLE, dynamo.client),
    commands: dynamoCommands(commandsTable(names.COMMANDS_TABLE, dynamo.client)),
    status: statusTable(names.STATUS_TABLE, dynamo.client),
    inventory: inventoryTable(names.INVENTORY_TABLE, dynamo.client),
    tokens: tokensTable(names.TOKENS_TABLE, dynamo.client),
    entries,
    audit: dynamoTrail(entries),
    cells: { list: () => Promise.resolve(cells) },
    invoke: (functionName, payload) => {
      fixture.invoked.push({ functionName, payload });
      return Promise.resolve({ outcome: 'delivered' });
    },
    random: randomBytes,
    heartbeatIntervalMs: 300_000,
    now: () => fixture.at,
  };
  return fixture;
}

export const admin = (tenantId: string): Principal => ({
  kind: 'tenant',
  id: 't-1',
  tenantId,
  role: 'tenant-admin',
});

/** What the HTTP handler hands to a route after it verified the request. */
export function request<Body = undefined>(
  tenantId: string,
  given: { params?: Record<string, string>; query?: Record<string, string>; body?: Body } = {},
) {
  const logged: { event: string; fields?: LogFields }[] = [];
  return {
    tenantId,
    principal: admin(tenantId),
    params: given.params ?? {},
    query: given.query ?? {},
    body: given.body as Body,
    from,
    log: (_level: string, event: string, fields?: LogFields) => void logged.push({ event, fields }),
    logged,
  };
}

export interface AgentKey {
  publicKey: string;
  privateKey: KeyObject;
}
export function newAgentKey(): AgentKey {
  const { privateKey } = generateKeyPairSync('ed25519');
  return { privateKey, publicKey: privateKey.export({ format: 'jwk' }).x ?? '' };
}

/** The body that an agent with this key sends. */
export const activationBody = (code: string, { publicKey, privateKey }: AgentKey) => ({
  code,
  publicKey,
  proof: sign(null, Buffer.from(activationProofText(code, publicKey)), privateKey).toString('base64url'),
  agentVersion: '1.0.0',
});

/** A route's request without a caller: `activate`. */
export const publicRequest = <Body>(body: Body) => ({
  ...request('nobody', { body }),
  tenantId: undefined,
  principal: undefined,
});
