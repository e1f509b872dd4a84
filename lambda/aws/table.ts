import { setTimeout } from 'node:timers/promises';
import {
  ConditionalCheckFailedException,
  DuplicateItemException,
  DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import {
  BatchGetCommand,
  DeleteCommand,
  DynamoDBDocumentClient,
  ExecuteStatementCommand,
  GetCommand,
  PutCommand,
  QueryCommand,
  ScanCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { clientOptions, once } from './client-options.ts';
import { addUsage } from './usage.ts';

/** How items become attributes. */
export const translation = {
  // It tells a plain object by its `constructor`, which is a name like any other in what gateways send.
  marshallOptions: { removeUndefinedValues: true, convertClassInstanceToMap: true },
};
export const documentClient = once(() =>
  DynamoDBDocumentClient.from(new DynamoDBClient(clientOptions), translation),
);

/**
 * Parts of an expression. `#name` stands for the attribute `name` unless `names` says otherwise (for attributes
 * whose name is data, such as a map's key); `:value` is looked up in `values`.
 */
export interface Expression {
  condition?: string;
  names?: Record<string, string>;
  values?: Record<string, unknown>;
}
/** What a conditional write came to. `current` is a strong read that followed the failed condition. */
export type Written<Item> = { ok: true; item: Item } | { ok: false; current: Item | undefined };

export interface QueryOptions {
  /** KeyConditionExpression. */
  key: string;
  values: Record<string, unknown>;
  names?: Record<string, string>;
  filter?: string;
  /** @default - the table itself */
  index?: string;
  /** Not for global indexes. @default false */
  strong?: boolean;
  /** @default false: ascending by sort key */
  newestFirst?: boolean;
  /** Items that one request reads; the iteration goes on until its consumer stops. @default - up to 1 MB */
  pageSize?: number;
  /** Goes on behind the item with these keys: the table's and the index's. */
  after?: Record<string, unknown>;
}
export interface ScanOptions {
  segment?: { index: number; count: number };
  filter?: string;
  values?: Record<string, unknown>;
  names?: Record<string, string>;
  /** @default - up to 1 MB */
  pageSize?: number;
  /** Goes on behind the item with this key. */
  after?: Record<string, unknown>;
}

const [firstPauseMs, pauseMaxMs] = [50, 1_000];

/**
 * One DynamoDB table, whose primary key is the attributes `KeyName` of `Item`. Reads by key are strong. A write that
 * was sent again after a time-out can meet its own first try: when `ok` is false, look at `current` before giving up.
 */
export class Table<Item extends object, KeyName extends keyof Item & string> {
  readonly name: string;
  readonly #keyNames: readonly KeyName[];
  readonly #client: DynamoDBDocumentClient;
  readonly #pause: (ms: number) => Promise<unknown>;

  constructor(
    name: string,
    keyNames: readonly KeyName[],
    client: DynamoDBDocumentClient = documentClient(),
    pause: (ms: number) => Promise<unknown> = (ms) => setTimeout(ms),
  ) {
    this.name = name;
    this.#keyNames = keyNames;
    this.#client = client;
    this.#pause = pause;
  }

  async get(key: Pick<Item, KeyName>): Promise<Item | undefined> {
    const { Item: item, ConsumedCapacity } = await this.#client.send(
      new GetCommand({ ...this.#target(), Key: key, ConsistentRead: true }),
    );
    addUsage('readUnits', ConsumedCapacity?.CapacityUnits);
    return item as Item | undefined;
  }

  /** In any order; keys that do not exist are missing from the answer. */
  async batchGet(
    keys: readonly Pick<Item, KeyName>[],
    { strong = true }: { strong?: boolean } = {},
  ): Promise<Item[]> {
    const found: Item[] = [];
    let pending: Record<string, unknown>[] = [...keys];
    for (let unfinished = 0; pending.length > 0;) {
      const answer = await this.#client.send(
        new BatchGetCommand({
          RequestItems: { [this.name]: { Keys: pending.slice(0, 100), ConsistentRead: strong } },
          ReturnConsumedCapacity: 'TOTAL',
        }),
      );
      for (const { CapacityUnits } of answer.ConsumedCapacity ?? []) addUsage('readUnits', CapacityUnits);
      found.push(...((answer.Responses?.[this.name] ?? []) as Item[]));
      const left = answer.UnprocessedKeys?.[this.name]?.Keys ?? [];
      pending = [...left, ...pending.slice(100)];
      // What is not answered was mostly too much for the table just now: asked again at once it is too much again.
      unfinished = left.length > 0 ? unfinished + 1 : 0;
      if (unfinished > 0) await this.#pause(Math.min(pauseMaxMs, firstPauseMs * 2 ** (unfinished - 1)));
    }
    return found;
  }

  async put(item: Item, expression: Expression = {}): Promise<Written<Item>> {
    return this.#write(this.#keyOf(item), async () => {
      const { ConsumedCapacity } = await this.#client.send(
        new PutCommand({ ...this.#target(), Item: item, ...parts(expression, '') }),
      );
      addUsage('writeUnits', ConsumedCapacity?.CapacityUnits);
      return item;
    });
  }

  /** Puts the item if there is none with its key; else `current` is the one that is there. */
  async putIfAbsent(item: Item): Promise<Written<Item>> {
    const [keyName] = this.#keyNames;
    return this.put(item, { condition: `attribute_not_exists(#${keyName})` });
  }

  /**
   * Adds the item; false where its key is taken. PartiQL's INSERT is the one write whose grant does not allow to
   * overwrite: who may only insert cannot put.
   */
  async insert(item: Item): Promise<boolean> {
    const given = Object.entries(item).filter(([, value]) => value !== undefined);
    const fields = given.map(([name]) => `'${name}': ?`).join(', ');
    try {
      const { ConsumedCapacity } = await this.#client.send(
        new ExecuteStatementCommand({
          Statement: `INSERT INTO "${this.name}" VALUE {${fields}}`,
          Parameters: given.map(([, value]: [string, unknown]) => value),
          ReturnConsumedCapacity: 'TOTAL',
        }),
      );
      addUsage('writeUnits', ConsumedCapacity?.CapacityUnits);
      return true;
    } catch (thrown) {
      if (thrown instanceof DuplicateItemException) return false;
      throw thrown;
    }
  }

  /**
   * `change` is an UpdateExpression. Without a condition an item that is absent comes into being. `item` is what was
   * written, or with `returns: 'old'` what was there before.
   */
  async update(
    key: Pick<Item, KeyName>,
    change: string,
    expression: Expression & { returns?: 'new' | 'old' } = {},
  ): Promise<Written<Item>> {
    return this.#write(key, async () => {
      const { Attributes, ConsumedCapacity } = await this.#client.send(
        new UpdateCommand({
          ...this.#target(),
          Key: key,
          UpdateExpression: change,
          ReturnValues: expression.returns === 'old' ? 'ALL_OLD' : 'ALL_NEW',
          ...parts(expression, change),
        }),
      );
      addUsage('writeUnits', ConsumedCapacity?.CapacityUnits);
      return Attributes as Item;
    });
  }

  /** `item` is what was deleted, undefined where there was nothing. */
  async delete(key: Pick<Item, KeyName>, expression: Expression = {}): Promise<Written<Item | undefined>> {
    return this.#write(key, async () => {
      const { Attributes, ConsumedCapacity } = await this.#client.send(
        new DeleteCommand({
          ...this.#target(),
          Key: key,
          ReturnValues: 'ALL_OLD',
          ...parts(expression, ''),
        }),
      );
      addUsage('writeUnits', ConsumedCapacity?.CapacityUnits);
      return Attributes as Item | undefined;
    });
  }

  /** Items in order of the sort key. An index that projects keys alone answers with those attributes only. */
  async *query(options: QueryOptions) {
    const { key, values, names, filter, index, strong, newestFirst, pageSize, after } = options;
    let from = after;
    do {
      const page = await this.#client.send(
        new QueryCommand({
          ...this.#target(),
          IndexName: index,
          KeyConditionExpression: key,
          FilterExpression: filter,
          ConsistentRead: strong,
          ScanIndexForward: !newestFirst,
          Limit: pageSize,
          ExclusiveStartKey: from,
          ...parts({ names, values }, `${key} ${filter ?? ''}`),
        }),
      );
      addUsage('readUnits', page.ConsumedCapacity?.CapacityUnits);
      yield* (page.Items ?? []) as Item[];
      from = page.LastEvaluatedKey;
    } while (from);
  }

  /** Every item of the table, or of one of `segment.count` equal shares of it, in no order; not strong. */
  async *scan(options: ScanOptions = {}): AsyncGenerator<Item> {
    for await (const page of this.scanPages(options)) yield* page;
  }

  /** The same, as it comes: for scans of so many items that handing over each of them costs something. */
  async *scanPages({ segment, filter, values, names, pageSize, after }: ScanOptions = {}): AsyncGenerator<
    Item[]
  > {
    let from = after;
    do {
      const page = await this.#client.send(
        new ScanCommand({
          ...this.#target(),
          Segment: segment?.index,
          TotalSegments: segment?.count,
          FilterExpression: filter,
          Limit: pageSize,
          ExclusiveStartKey: from,
          ...parts({ names, values }, filter ?? ''),
        }),
      );
      addUsage('readUnits', page.ConsumedCapacity?.CapacityUnits);
      yield (page.Items ?? []) as Item[];
      from = page.LastEvaluatedKey;
    } while (from);
  }

  #target() {
    return { TableName: this.name, ReturnConsumedCapacity: 'TOTAL' as const };
  }

  #keyOf(item: Item): Pick<Item, KeyName> {
    return Object.fromEntries(this.#keyNames.map((name) => [name, item[name]])) as Pick<Item, KeyName>;
  }

  async #write<Result>(
    key: Pick<Item, KeyName>,
    send: () => Promise<Result>,
  ): Promise<{ ok: true; item: Result } | { ok: false; current: Item | undefined }> {
    try {
      return { ok: true, item: await send() };
    } catch (thrown) {
      if (!(thrown instanceof ConditionalCheckFailedException)) throw thrown;
      return { ok: false, current: await this.get(key) };
    }
  }
}

/** The expression in DynamoDB's parameters; every `#name` that `text` or the condition uses is declared. */
function parts({ condition, names = {}, values }: Expression, text: string) {
  const used = [...`${text} ${condition ?? ''}`.matchAll(/#(\w+)/g)].map(([alias, name]) => [
    alias,
    name ?? '',
  ]);
  const declared: Record<string, string> = { ...Object.fromEntries(used), ...names };
  return {
    ConditionExpression: condition,
    ExpressionAttributeNames: Object.keys(declared).length > 0 ? declared : undefined,
    ExpressionAttributeValues: values,
  };
}
