import { CreateTableCommand, DynamoDBClient, type CreateTableCommandInput } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { App, Stack } from 'aws-cdk-lib';
import { createRequire } from 'node:module';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hand } from '../../local/services/dynamodb.ts';
import { translation } from '../../lambda/aws/table.ts';
import { createConnectionsTable, HomeTables } from '../../lib/tables.ts';

/** A real DynamoDB server in this process, in memory, on a free port of 127.0.0.1. */
export interface TestDynamo {
  client: DynamoDBDocumentClient;
  /** Makes a new, empty set of the tables that lib/ declares; names by the variable that functions find them by. */
  createTables(): Promise<Record<TableVariable, string>>;
  close(): Promise<void>;
}
export type TableVariable =
  | 'GATEWAYS_TABLE'
  | 'COMMANDS_TABLE'
  | 'CONFIGURATIONS_TABLE'
  | 'CELLS_TABLE'
  | 'CONNECTIONS_TABLE'
  | 'BULK_SENDS_TABLE'
  | 'BULK_TARGETS_TABLE'
  | 'STATUS_TABLE'
  | 'INVENTORY_TABLE'
  | 'ROLLUPS_TABLE'
  | 'ALERTS_TABLE'
  | 'CONDITION_SETTINGS_TABLE'
  | 'PATTERNS_TABLE'
  | 'SILENCES_TABLE'
  | 'ACTIVATION_CODES_TABLE'
  | 'TOKENS_TABLE'
  | 'SUBSCRIPTIONS_TABLE'
  | 'ALERT_LANES_TABLE'
  | 'DEAD_LETTERS_TABLE'
  | 'SEND_BUDGETS_TABLE'
  | 'AUDIT_TABLE';

const dynalite = createRequire(import.meta.url)('dynalite') as (options: object) => Server;

/** Call `close` in afterAll. */
export async function startDynamo(): Promise<TestDynamo> {
  const store = dynalite({ createTableMs: 0, deleteTableMs: 0 });
  // In front of it what the local mode adds: inserts.
  const server = createServer((raw, response) => {
    const chunks: Buffer[] = [];
    raw.on('data', (chunk: Buffer) => chunks.push(chunk));
    raw.on('end', () => {
      const { method = '', url = '', headers } = raw;
      hand({ method, url, headers, body: Buffer.concat(chunks), raw }, response, store);
    });
  });
  // On a loaded machine a request may meet the end of a connection that was idle for 5 s, and is not repeated.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const plain = new DynamoDBClient({
    endpoint: `http://127.0.0.1:${port}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  });
  const client = DynamoDBDocumentClient.from(plain, translation);
  let sets = 0;
  return {
    client,
    async createTables() {
      sets += 1;
      const names = {} as Record<TableVariable, string>;
      for (const { variable, input } of declaredTables()) {
        names[variable] = `${variable.toLowerCase()}-${sets}`;
        await plain.send(new CreateTableCommand({ ...input, TableName: names[variable] }));
      }
      return names;
    },
    async close() {
      client.destroy();
      plain.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

interface DeclaredTable {
  variable: TableVariable;
  input: CreateTableCommandInput;
}
let declared: DeclaredTable[] | undefined;

/** From the template that lib/ makes of them, so that a key or an index that is wrong there fails here. */
function declaredTables(): DeclaredTable[] {
  return (declared ??= synthesizeTables());
}

function synthesizeTables(): DeclaredTable[] {
  const stack = new Stack(new App(), 'tables');
  const tables = [...Object.values(new HomeTables(stack, 'Tables')), createConnectionsTable(stack)].filter(
    (each) => typeof each === 'object' && each !== null && 'envName' in each,
  );
  return tables.map(({ table, envName }) => {
    const resource = stack.resolve(
      (table.node.defaultChild as unknown as { _toCloudFormation(): object })._toCloudFormation(),
    ) as { Resources: Record<string, { Properties: CreateTableCommandInput }> };
    const { Properties: properties } = Object.values(resource.Resources)[0]!;
    const { KeySchema, AttributeDefinitions, LocalSecondaryIndexes, GlobalSecondaryIndexes } = properties;
    return {
      variable: envName as TableVariable,
      input: {
        TableName: undefined,
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema,
        AttributeDefinitions,
        LocalSecondaryIndexes,
        GlobalSecondaryIndexes,
      },
    };
  });
}
