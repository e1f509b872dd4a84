import type { ServerResponse } from 'node:http';
import { jsonBody, ServiceError, text, type ServiceRequest } from './service.ts';

/** `INSERT INTO "table" VALUE {'name': ?, …}`: the only PartiQL that the local mode knows. */
const insert = /^\s*INSERT\s+INTO\s+"([\w.-]+)"\s+VALUE\s+\{\s*(.*?)\s*\}\s*$/i;
const field = /^'([\w.-]+)'\s*:\s*\?$/;

export interface Insert {
  readonly tableName: string;
  readonly item: Record<string, unknown>;
  readonly returnConsumedCapacity: unknown;
}

/** The item that an ExecuteStatement inserts. Throws ValidationException for every other statement. */
export function parseInsert(request: ServiceRequest): Insert {
  const { Statement, Parameters, ReturnConsumedCapacity } = jsonBody(request);
  const [, tableName, fields] = insert.exec(text(Statement)) ?? [];
  const names = (fields ?? '').split(/\s*,\s*/).map((each) => field.exec(each)?.[1]);
  const values = Array.isArray(Parameters) ? (Parameters as unknown[]) : [];
  if (!tableName || names.some((name) => name === undefined))
    throw new ServiceError(
      'ValidationException',
      'the local mode knows INSERT INTO "table" VALUE {\'name\': ?, …} and no other statement',
    );
  if (names.length !== values.length)
    throw new ServiceError('ValidationException', 'Number of parameters in request and statement don\'t match.'); // prettier-ignore
  const item = Object.fromEntries(names.map((name, i) => [name, values[i]]));
  return { tableName, item, returnConsumedCapacity: ReturnConsumedCapacity };
}

/**
 * The same as a PutItem for a store that has no PartiQL. An item that stands there has the key's attributes, which are
 * among the new one's: that none of these exists means that there is no item.
 */
function asPutItem({ tableName, item, returnConsumedCapacity }: Insert): object {
  const names = Object.keys(item);
  return {
    TableName: tableName,
    Item: item,
    ConditionExpression: names.map((_, i) => `attribute_not_exists(#n${i})`).join(' AND '),
    ExpressionAttributeNames: Object.fromEntries(names.map((name, i) => [`#n${i}`, name])),
    ReturnConsumedCapacity: returnConsumedCapacity,
  };
}

/** The request as the store understands it; `response` answers in the words of the one that came. */
export function insertAsPut(request: ServiceRequest, response: ServerResponse): ServiceRequest {
  const body = Buffer.from(JSON.stringify(asPutItem(parseInsert(request))));
  answerAsInsert(response);
  return { ...request, headers: { ...request.headers, 'x-amz-target': 'DynamoDB_20120810.PutItem' }, body };
}

/** Makes the answer to that PutItem the one of an INSERT: a key that is taken has an error of its own. */
function answerAsInsert(response: ServerResponse): void {
  const end = response.end.bind(response) as (body: string) => ServerResponse;
  response.end = ((body: string) => {
    const isTaken = response.statusCode === 400 && body.includes('#ConditionalCheckFailedException');
    const answer = isTaken
      ? JSON.stringify({
          __type: 'com.amazonaws.dynamodb.v20120810#DuplicateItemException',
          message: 'Duplicate primary key exists in table',
        })
      : body;
    response.removeHeader('x-amz-crc32');
    response.setHeader('content-length', Buffer.byteLength(answer));
    return end(answer);
  }) as ServerResponse['end'];
}
