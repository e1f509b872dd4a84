import { AsyncLocalStorage } from 'node:async_hooks';
import { ClassicLevel } from 'classic-level';

/**
 * How dynalite's requests reach LevelDB, of which it knows nothing but single reads and writes:
 *
 * - An item and the rows of its indexes are one write. dynalite writes the rows first, each by itself, and then the item: a
 *   process that dies in between leaves an index that tells of an item that is not so, and nothing ever mends it.
 * - Reads are done where they are asked for. LevelDB hands each to a thread of the pool, and the way there and back costs
 *   several times what the read does: what is read here lies in its memory or the system's.
 */
type Operation = Readonly<{ type: 'put' | 'del'; key: string; value?: string } & Encodings>;
interface Encodings {
  keyEncoding: string;
  valueEncoding?: string;
}
/** The methods that abstract-level asks a store to have (https://github.com/Level/abstract-level#private-api-for-implementors). */
interface Level {
  _get(key: string, options: unknown): Promise<unknown>;
  _getSync(key: string, options: unknown): unknown;
  _put(key: string, value: string, options: Encodings): Promise<void>;
  _del(key: string, options: Encodings): Promise<void>;
  _batch(operations: readonly Operation[], options: object): Promise<void>;
}

/** Rows of indexes that wait for their item: of the one that this request writes now. */
const waiting = new AsyncLocalStorage<{ rows: Operation[] }>();
/** dynalite's prefix of indexes, local and global ones. */
const indexPrefix = 'index-';

const level = ClassicLevel.prototype as unknown as Level;
const { _put: put, _del: del } = level;

level._get = async function (this: Level, key, options) {
  return this._getSync(key, options);
};
level._put = function (this: Level, key, value, { keyEncoding, valueEncoding }) {
  const operation = { type: 'put', key, value, keyEncoding, valueEncoding } as const;
  return write(this, operation, () => put.call(this, key, value, { keyEncoding, valueEncoding }));
};
level._del = function (this: Level, key, { keyEncoding }) {
  const operation = { type: 'del', key, keyEncoding } as const;
  return write(this, operation, () => del.call(this, key, { keyEncoding }));
};

async function write(store: Level, operation: Operation, alone: () => Promise<void>): Promise<void> {
  const request = waiting.getStore();
  if (!request) return alone();
  if (operation.key.startsWith(indexPrefix)) {
    request.rows.push(operation);
    return;
  }
  const rows = request.rows.splice(0);
  return rows.length === 0 ? alone() : store._batch([...rows, operation], {});
}

/**
 * Does `work`, one request of dynalite's: its item and the rows of its indexes are one write. The items of a
 * BatchWriteItem are written at the same time and may carry each other's rows, so a death in the middle of one can still
 * leave rows whose item is missing; nothing here sends one but the load generator.
 */
export const writingWhole = <T>(work: () => T): T => waiting.run({ rows: [] }, work);
