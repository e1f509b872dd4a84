import { join } from 'node:path';
import { EventEmitter } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import dynalite from 'dynalite';
import { HoldfastError } from '../../core/errors.ts';
import { writingWhole } from '../data/level-requests.ts';
import { storePaths } from '../data/stores.ts';
import type { Question } from '../iam/policy.ts';
import type { Region } from '../region.ts';
import type { PropertiesOf } from '../template/types.ts';
import { insertAsPut, parseInsert } from './partiql-insert.ts';
import {
  jsonBody,
  ServiceError,
  targetOperation,
  text,
  type Service,
  type ServiceRequest,
} from './service.ts';

/** Operations that reach items. */
const itemOperations = new Set(['GetItem', 'PutItem', 'UpdateItem', 'DeleteItem', 'Query', 'Scan']);
/** An INSERT has an action of its own; there is no other statement here. */
const statementOperation = 'ExecuteStatement';
const batchOperations = new Set(['BatchGetItem', 'BatchWriteItem']);
const tableOperations = new Set(['CreateTable', 'DescribeTable', 'DescribeTimeToLive']);

/** Opens the tables' store; the directory is made when it is not there. */
export function openTables(dataDir: string, region: Region): Server {
  // Read by dynalite for the ARNs that it answers with.
  process.env.AWS_ACCOUNT_ID = region.settings.accountId;
  process.env.AWS_REGION = region.settings.region;
  const path = join(dataDir, storePaths.tables);
  return dynalite({ path, createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
}

export function dynamodbService(region: Region, store: Server): Service {
  return {
    signingName: 'dynamodb',
    protocol: 'json',
    errorPrefix: 'com.amazon.coral.service#',
    parse: (request) => {
      const operation = targetOperation(request);
      const tables = tablesOf(request, operation);
      const owners = new Set(tables.map(({ name }) => region.ownerOf('AWS::DynamoDB::Table', name)));
      if (owners.size > 1)
        throw new ServiceError(
          'ValidationException',
          'the local mode cannot batch over tables of several stacks',
        );
      return {
        owner: [...owners][0],
        questions: tables.map(({ name, index }) => questionOf(region, operation, name, index)),
        serve: (response) => hand(request, response, store),
      };
    },
  };
}

/**
 * Hands a request to dynalite. What it throws while it reads one (some malformed bodies make it) is thrown here, and so
 * costs that request its answer and not the process its life.
 */
export function hand(given: ServiceRequest, response: ServerResponse, store: Server): void {
  const isStatement = targetOperation(given) === statementOperation;
  const { headers, body } = isStatement ? insertAsPut(given, response) : given;
  const copy = Object.assign(new EventEmitter(), { method: 'POST', url: '/', headers });
  writingWhole(() => {
    store.emit('request', copy, response);
    copy.emit('data', body);
    copy.emit('end');
  });
}

interface NamedTable {
  readonly name: string;
  readonly index?: string;
}

function tablesOf(request: ServiceRequest, operation: string): NamedTable[] {
  const body = jsonBody(request);
  if (!['', 'NONE'].includes(text(body.ReturnValuesOnConditionCheckFailure)))
    throw new ServiceError(
      'ValidationException',
      'the local mode has no ReturnValuesOnConditionCheckFailure',
    );
  if (batchOperations.has(operation))
    return Object.keys((body.RequestItems as object | undefined) ?? {}).map((table) => ({
      name: tableName(table),
    }));
  if (operation === statementOperation) return [{ name: parseInsert(request).tableName }];
  if (!itemOperations.has(operation) && !tableOperations.has(operation))
    throw new ServiceError('UnknownOperationException', `the local mode has no dynamodb:${operation}`);
  return [{ name: tableName(text(body.TableName)), index: text(body.IndexName) || undefined }];
}

function questionOf(region: Region, operation: string, name: string, index: string | undefined): Question {
  const table = `table/${name}`;
  return {
    action: `dynamodb:${operation === statementOperation ? 'PartiQLInsert' : operation}`,
    resource: region.arn('dynamodb', index ? `${table}/index/${index}` : table),
  };
}

/** A table may be named by its ARN. */
function tableName(nameOrArn: string): string {
  return nameOrArn.split('/').at(-1) ?? '';
}

type TableProperties = PropertiesOf<'AWS::DynamoDB::Table'>;
type Ask = (operation: string, body: unknown) => Promise<Record<string, unknown>>;

/** Makes a table, or checks that the stored one has the template's keys. Throws CONFLICT with the table's name. */
export async function ensureTable(name: string, properties: TableProperties, ask: Ask): Promise<void> {
  const wanted = {
    TableName: name,
    KeySchema: properties.KeySchema,
    AttributeDefinitions: properties.AttributeDefinitions,
    BillingMode: 'PAY_PER_REQUEST',
    GlobalSecondaryIndexes: properties.GlobalSecondaryIndexes,
    LocalSecondaryIndexes: properties.LocalSecondaryIndexes,
  };
  const stored = await ask('DescribeTable', { TableName: name }).catch((error: Error) => {
    if (error.name === 'ResourceNotFoundException') return undefined;
    throw error;
  });
  if (!stored) {
    await ask('CreateTable', wanted);
    await untilActive(name, ask);
    return;
  }
  await untilActive(name, ask);
  const table = stored.Table as Record<string, unknown>;
  const differing = (
    ['KeySchema', 'AttributeDefinitions', 'GlobalSecondaryIndexes', 'LocalSecondaryIndexes'] as const
  ).find((part) => keysText(part, table[part]) !== keysText(part, wanted[part]));
  if (differing)
    throw new HoldfastError(
      'CONFLICT',
      `table ${name}: ${differing} of the template is not that of the stored table`,
      {
        hint: 'start with another --data-dir, or remove this one if its contents may go',
      },
    );
}

const activeWithinMs = 5_000;

/** A table is made a moment after CreateTable answers; until then it refuses items. */
async function untilActive(name: string, ask: Ask): Promise<void> {
  const deadlineMs = Date.now() + activeWithinMs;
  for (;;) {
    const { Table } = await ask('DescribeTable', { TableName: name });
    if ((Table as { TableStatus?: string } | undefined)?.TableStatus === 'ACTIVE') return;
    if (Date.now() > deadlineMs)
      throw new HoldfastError('CORRUPT', `table ${name} was left half made`, {
        hint: 'start with another --data-dir, or remove this one if its contents may go',
      });
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** What of an index or key decides how items are stored, in one order, as comparable text. */
function keysText(part: string, value: unknown): string {
  if (!Array.isArray(value)) return '[]';
  const kept = (value as Record<string, unknown>[]).map(
    ({ AttributeName, AttributeType, KeyType, IndexName, KeySchema, Projection }) =>
      JSON.stringify({ AttributeName, AttributeType, KeyType, IndexName, KeySchema, Projection }),
  );
  return JSON.stringify(part === 'KeySchema' ? kept : kept.sort());
}
