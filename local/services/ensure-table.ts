import { existsSync, readFileSync, rmSync } from 'node:fs';
import { HoldfastError } from '../../core/errors.ts';
import { writeAtomically } from '../data/directory.ts';
import type { PropertiesOf } from '../template/types.ts';

type TableProperties = PropertiesOf<'AWS::DynamoDB::Table'>;
type Ask = (operation: string, body: unknown) => Promise<Record<string, unknown>>;
type Parts = 'KeySchema' | 'AttributeDefinitions' | 'GlobalSecondaryIndexes' | 'LocalSecondaryIndexes';
type Wanted = { TableName: string } & Partial<Record<Parts, unknown>>;

/**
 * Makes a table, or gives the stored one the template's indexes where they differ: its items are kept in the file
 * `asideFile` while it is made anew, so that a death in the middle loses none. True: that was done. Throws CONFLICT with the
 * table's name where its key is another.
 */
export async function ensureTable(
  { name, properties, asideFile }: { name: string; properties: TableProperties; asideFile: string },
  ask: Ask,
): Promise<boolean> {
  const wanted = {
    TableName: name,
    KeySchema: properties.KeySchema,
    AttributeDefinitions: properties.AttributeDefinitions,
    BillingMode: 'PAY_PER_REQUEST',
    GlobalSecondaryIndexes: properties.GlobalSecondaryIndexes,
    LocalSecondaryIndexes: properties.LocalSecondaryIndexes,
  };
  const stored = await described(name, ask);
  if (existsSync(asideFile)) {
    await makeAnew(wanted, asideFile, ask);
    return true;
  }
  if (!stored) {
    await ask('CreateTable', wanted);
    await untilActive(name, ask);
    return false;
  }
  await untilActive(name, ask);
  const differs = (part: Parts): boolean => keysText(part, stored[part]) !== keysText(part, wanted[part]);
  if (differs('KeySchema'))
    throw new HoldfastError(
      'CONFLICT',
      `table ${name}: KeySchema of the template is not that of the stored table`,
      { hint: 'start with another --data-dir, or remove this one if its contents may go' },
    );
  const parts = ['AttributeDefinitions', 'GlobalSecondaryIndexes', 'LocalSecondaryIndexes'] as const;
  if (!parts.some(differs)) return false;
  writeAtomically(asideFile, JSON.stringify(await itemsOf(name, ask)));
  await makeAnew(wanted, asideFile, ask);
  return true;
}

async function described(name: string, ask: Ask): Promise<Record<string, unknown> | undefined> {
  try {
    return (await ask('DescribeTable', { TableName: name })).Table as Record<string, unknown>;
  } catch (thrown) {
    if ((thrown as Error).name === 'ResourceNotFoundException') return undefined;
    throw thrown;
  }
}

async function itemsOf(name: string, ask: Ask): Promise<unknown[]> {
  const items: unknown[] = [];
  let from: unknown;
  do {
    const page = await ask('Scan', { TableName: name, ConsistentRead: true, ExclusiveStartKey: from });
    items.push(...(page.Items as unknown[]));
    from = page.LastEvaluatedKey;
  } while (from !== undefined);
  return items;
}

/** Repeatable: what is in the file is the whole table, whatever of it there is. */
async function makeAnew(wanted: Wanted, asideFile: string, ask: Ask): Promise<void> {
  const { TableName } = wanted;
  const items = JSON.parse(readFileSync(asideFile, 'utf8')) as unknown[];
  if (await described(TableName, ask)) await ask('DeleteTable', { TableName });
  await until(async () => !(await described(TableName, ask)), TableName);
  await ask('CreateTable', wanted);
  await untilActive(TableName, ask);
  for (const Item of items) await ask('PutItem', { TableName, Item });
  rmSync(asideFile);
}

const untilActive = (name: string, ask: Ask): Promise<void> =>
  until(async () => (await described(name, ask))?.TableStatus === 'ACTIVE', name);

const stepWithinMs = 5_000;

/** A table is made, or gone, a moment after the answer; until then it refuses items. */
async function until(holds: () => Promise<boolean>, name: string): Promise<void> {
  const deadlineMs = Date.now() + stepWithinMs;
  while (!(await holds())) {
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
