import type { GuardedUpdate } from '../../core/routes/guarded-update.ts';
import type { Table } from '../aws/table.ts';
import { updateWords } from './dynamo-update.ts';

/** The item as written; undefined where the condition failed. */
export async function guarded<Item extends object, KeyName extends keyof Item & string>(
  table: Table<Item, KeyName>,
  key: Pick<Item, KeyName>,
  update: GuardedUpdate,
): Promise<Item | undefined> {
  const { change, ...expression } = updateWords(update);
  const written = await table.update(key, change, expression);
  return written.ok ? written.item : undefined;
}
