import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bootLocal, type LocalCloud } from '../../local/boot.ts';
import { endsAsTable, inspectLog } from '../../local/data/level-files.ts';
import type { LogRecord } from '../../local/log.ts';
import { temporaryDirectory, writeAssembly } from './fixture.ts';
import { itemsTable } from './fixtures/templates.ts';

const template = {
  Resources: {
    Items: itemsTable,
  },
};
const itemCount = 40;
let directory: ReturnType<typeof temporaryDirectory>;
let copies = 0;

const boot = (dataDir: string, log: (record: LogRecord) => void = () => undefined) =>
  bootLocal({ cdkOutDir: join(directory.path, 'cdk.out'), dataDir, log });

const itemsOf = (cloud: LocalCloud) =>
  DynamoDBDocumentClient.from(
    new DynamoDBClient({
      region: cloud.region,
      endpoint: cloud.endpoints['stores'],
      credentials: cloud.rootCredentials,
    }),
  );

const get = async (cloud: LocalCloud, pk: string): Promise<unknown> =>
  (await itemsOf(cloud).send(new GetCommand({ TableName: 'items', Key: { pk } }))).Item?.['text'];

/** A data directory with items in a table file and more of them in the log, and the stack's own folder in it. */
function damagedCopy(): { dataDir: string; stack: string; tables: string; log: string; table: string } {
  const dataDir = join(directory.path, `copy-${copies++}`);
  cpSync(join(directory.path, 'data'), dataDir, { recursive: true });
  const stack = join(dataDir, 'stacks', 'stores');
  const tables = join(stack, 'dynamodb');
  const named = (end: string) => join(tables, readdirSync(tables).find((name) => name.endsWith(end)) ?? '');
  return { dataDir, stack, tables, log: named('.log'), table: named('.ldb') };
}

/** What a copy looks like, to see that nothing was changed. */
const shape = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name !== 'LOG' && entry.name !== 'LOG.old')
    .map((entry) => [entry.name, readFileSync(join(entry.parentPath, entry.name)).length])
    .toSorted();

beforeAll(async () => {
  directory = temporaryDirectory();
  writeAssembly(join(directory.path, 'cdk.out'), { stores: template });
  for (const round of ['old', 'new']) {
    const cloud = await boot(join(directory.path, 'data'));
    for (let i = 0; i < itemCount; i++) {
      const Item = { pk: `${round}-${i}`, text: `${i} `.repeat(400) };
      await itemsOf(cloud).send(new PutCommand({ TableName: 'items', Item }));
    }
    await cloud.stop();
  }
});
afterAll(() => directory.remove());

describe('damaged stores', () => {
  const damages: [string, (copy: ReturnType<typeof damagedCopy>) => string][] = [
    ['an emptied store of objects and queues', ({ stack }) => emptied(join(stack, 'messages', 'fauxqs.db'))],
    ['an emptied store of the local mode', ({ stack }) => emptied(join(stack, 'state.sqlite'))],
    ['a store that is gone', ({ stack }) => removed(join(stack, 'messages', 'fauxqs.db'))],
    ['tables without their first file', ({ tables }) => removed(join(tables, 'CURRENT'))],
    ['a first file that holds something else', ({ tables }) => rewritten(join(tables, 'CURRENT'), 'garbage')],
    ['a log with other bytes in it', ({ log }) => flipped(log, 100)],
    ['a log of other bytes', ({ log }) => rewritten(log, 'x'.repeat(40_000))],
    ['a log with zeroes in it', ({ log }) => zeroed(log, 2000, 1000)],
    ['a table file that was cut', ({ table }) => cut(table, 1000)],
    ['a table file that is gone', ({ table }) => removed(table)],
  ];
  it.each(damages)('are named and left as they are: %s', async (_, damage) => {
    const copy = damagedCopy();
    const file = damage(copy);
    const before = shape(copy.stack);
    const named = file === copy.table || file.endsWith('CURRENT') ? copy.tables : file;
    await expect(boot(copy.dataDir)).rejects.toMatchObject({
      code: 'CORRUPT',
      message: expect.stringContaining(named),
    });
    expect(shape(copy.stack)).toEqual(before);
  });

  it.each([
    ['cut', (log: string) => cut(log, readFileSync(log).length - 300)],
    ['zeroed at its end', (log: string) => zeroed(log, readFileSync(log).length - 300, 300)],
  ])('lose no more than the last write, and say so, where the log was %s', async (_, damage) => {
    const { dataDir, log } = damagedCopy();
    damage(log);
    const warnings: LogRecord[] = [];
    const cloud = await boot(dataDir, (record) => record.level === 'warn' && warnings.push(record));
    expect(warnings).toEqual([
      expect.objectContaining({ event: 'local.store-cut', message: expect.stringContaining(log) }),
    ]);
    expect(await get(cloud, `new-${itemCount - 1}`)).toBeUndefined();
    expect(await get(cloud, `new-${itemCount - 2}`)).toBe(`${itemCount - 2} `.repeat(400));
    expect(await get(cloud, 'old-3')).toBe('3 '.repeat(400));
    await cloud.stop();
  });
});

describe('the log of the tables', () => {
  it('is whole as it was written, cut at every other length, and damaged where any byte is another', () => {
    const log = readFileSync(damagedCopy().log);
    expect(log.length).toBeGreaterThan(32 * 1024);
    expect(inspectLog(log)).toEqual({ kind: 'whole' });
    for (let length = log.length - 1; length > log.length - 400; length--)
      expect(inspectLog(log.subarray(0, length)).kind).toBe('cut');
    for (const at of [0, 4, 6, 50, 32 * 1024 + 3]) {
      const other = Buffer.from(log);
      other[at] = (other[at] ?? 0) ^ 0x41;
      expect(inspectLog(other).kind).toBe('damaged');
    }
  });

  it('is never read behind its end, whatever it holds', () => {
    for (let seed = 1; seed < 2000; seed++) {
      const bytes = Buffer.alloc(seed % 97).map((_, i) => (Math.imul(seed + i, 2654435761) >>> 13) & 7);
      expect(['whole', 'cut', 'damaged']).toContain(inspectLog(bytes).kind);
      expect(endsAsTable(bytes)).toBe(false);
    }
  });
});

function emptied(file: string): string {
  return cut(file, 0);
}

function cut(file: string, length: number): string {
  truncateSync(file, length);
  return file;
}

function removed(file: string): string {
  rmSync(file);
  return file;
}

function rewritten(file: string, text: string): string {
  writeFileSync(file, text);
  return file;
}

function flipped(file: string, at: number): string {
  const bytes = readFileSync(file);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(file, bytes);
  return file;
}

function zeroed(file: string, at: number, length: number): string {
  writeFileSync(file, readFileSync(file).fill(0, at, at + length));
  return file;
}
