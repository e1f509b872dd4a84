import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { storedBytes } from '../../../agent/status/fit-heartbeat.ts';
import { patternsTable } from '../../../lambda/aws/tables.ts';

/** DynamoDB's. */
const itemBytesMax = 400 * 1024;

export interface FolderTable {
  table: ReturnType<typeof patternsTable>;
  largestItemBytes: number;
  /** Of all that was put. */
  bytes: number;
}

/** The Patterns table with its items in files, so that what they hold is in nobody's memory. Refuses what DynamoDB would. */
export function folderTable(dir: string): FolderTable {
  const fileOf = (key: string): string => join(dir, createHash('sha256').update(key).digest('hex'));
  const folder: Omit<FolderTable, 'table'> = { largestItemBytes: 0, bytes: 0 };
  const send = async (command: unknown): Promise<object> => {
    if (command instanceof GetCommand) {
      const file = fileOf(String(command.input.Key!['itemKey']));
      return existsSync(file) ? { Item: deserialize(readFileSync(file)) as object } : {};
    }
    if (!(command instanceof PutCommand)) throw new Error('it only gets and puts');
    const { bytes, ...rest } = command.input.Item! as { itemKey: string; bytes?: Uint8Array };
    const size = storedBytes(rest) + (bytes ? 'bytes'.length + bytes.length : 0);
    if (size > itemBytesMax) throw new Error(`${rest.itemKey} has ${size} bytes, and an item 400 KB at most`);
    folder.largestItemBytes = Math.max(folder.largestItemBytes, size);
    folder.bytes += size;
    writeFileSync(fileOf(rest.itemKey), serialize(command.input.Item));
    return {};
  };
  const client = { send } as unknown as Parameters<typeof patternsTable>[1];
  return Object.assign(folder, { table: patternsTable('Patterns', client) });
}
