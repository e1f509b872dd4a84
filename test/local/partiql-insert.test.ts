import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { ExecuteStatementCommand } from '@aws-sdk/lib-dynamodb';
import { parseInsert } from '../../local/services/partiql-insert.ts';
import { ServiceError, type ServiceRequest } from '../../local/services/service.ts';
import { startDynamo, type TestDynamo } from '../support/dynamo.ts';

/** PartiQL's INSERT, which the audit trail is written with, in the words of DynamoDB. */
let dynamo: TestDynamo;
let table: string;
beforeAll(async () => {
  dynamo = await startDynamo();
  table = (await dynamo.createTables()).GATEWAYS_TABLE;
});
afterAll(() => dynamo.close());

const run = (Statement: string, Parameters?: unknown[]) =>
  dynamo.client.send(new ExecuteStatementCommand({ Statement, Parameters, ReturnConsumedCapacity: 'TOTAL' }));

it('adds an item and refuses a second with its key, whatever its other attributes are', async () => {
  const statement = `INSERT INTO "${table}" VALUE {'gatewayId': ?, 'n': ?}`;
  const { ConsumedCapacity } = await run(statement, ['gw-1', { deep: [1] }]);
  expect(ConsumedCapacity?.CapacityUnits).toBeGreaterThan(0);
  const other = `INSERT INTO "${table}" VALUE {'other': ?, 'gatewayId': ?}`;
  await expect(run(other, [2, 'gw-1'])).rejects.toMatchObject({ name: 'DuplicateItemException' });
});

it.each([
  ['UPDATE "t" SET n=1 WHERE gatewayId=\'gw-1\'', []],
  ['DELETE FROM "t" WHERE gatewayId=\'gw-1\'', []],
  ['SELECT * FROM "t"', []],
  ["INSERT INTO \"t\" VALUE {'gatewayId': 'gw-1'}", []],
  ['INSERT INTO "t" VALUE {\'gatewayId\': ?}', []],
])('refuses %s, which nobody may mistake for an insert', (Statement, Parameters) => {
  const body = Buffer.from(JSON.stringify({ Statement, Parameters }));
  const request = { method: 'POST', url: '/', headers: {}, body } as unknown as ServiceRequest;
  expect(() => parseInsert(request)).toThrow(ServiceError);
});
