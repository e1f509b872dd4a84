import { join } from 'node:path';
import { EventEmitter } from 'node:events';
import type { Server, ServerResponse } from 'node:http';
import dynalite from 'dynalite';
import { writingWhole } from '../data/level-requests.ts';
import { storePaths } from '../data/stores.ts';
import type { Question } from '../iam/policy.ts';
import type { Region } from '../region.ts';
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
const tableOperations = new Set(['CreateTable', 'DeleteTable', 'DescribeTable', 'DescribeTimeToLive']);

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
