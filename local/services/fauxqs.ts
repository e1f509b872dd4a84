import type { EventEmitter } from 'node:events';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { storePaths } from '../data/stores.ts';
import type { PropertiesOf } from '../template/types.ts';
import { arn, type Identity } from '../template/resource-type.ts';

/**
 * fauxqs without a port of its own. Its `startFauxqs` listens on every interface and asks nobody for a signature, so
 * its stores are put together here as it does itself and reached only through the front, which verifies and authorizes.
 * The files below are inside the package; its version is pinned in package.json.
 */
interface Queue {
  readonly name: string;
  url: string;
  attributes: Record<string, string>;
  persistence?: unknown;
}

interface SqsStore {
  region?: string;
  persistence?: unknown;
  allQueues(): Iterable<Queue>;
  getQueueByName(name: string): Queue | undefined;
  createQueue(name: string, url: string, arn: string, attributes: Record<string, string>): Queue;
}

interface SnsStore {
  region?: string;
  persistence?: unknown;
  getTopic(arn: string): unknown;
  createTopic(name: string, attributes: undefined, tags: undefined, region: string): unknown;
}

interface S3Store {
  persistence?: unknown;
  hasBucket(name: string): boolean;
  createBucket(name: string): void;
}

interface Persistence {
  load(sqs: SqsStore, sns: SnsStore, s3: S3Store): void;
  updateQueueAttributes?(name: string, attributes: Record<string, string>, modified: number): void;
  close(): void;
}

interface App {
  readonly server: Server;
  ready(): PromiseLike<unknown>;
  close(): PromiseLike<unknown>;
}

type Place = Pick<Identity, 'region' | 'accountId' | 'servicesUrl'>;
type QueueProperties = PropertiesOf<'AWS::SQS::Queue'>;

/** Queues, topics and buckets of one stack, kept in SQLite under its data directory. */
export class MessageStores {
  readonly #app: App;
  readonly #sqs: SqsStore;
  readonly #sns: SnsStore;
  readonly #s3: S3Store;
  readonly #persistence: Persistence;

  private constructor(app: App, sqs: SqsStore, sns: SnsStore, s3: S3Store, persistence: Persistence) {
    this.#app = app;
    this.#sqs = sqs;
    this.#sns = sns;
    this.#s3 = s3;
    this.#persistence = persistence;
  }

  static async open(dataDir: string, place: Place): Promise<MessageStores> {
    const main = import.meta.resolve('fauxqs');
    const load = async (file: string) =>
      (await import(new URL(file, main).href)) as Record<string, new (path?: string) => unknown>;
    const [app, sqsModule, snsModule, s3Module, persistenceModule] = await Promise.all([
      import('fauxqs'),
      load('./sqs/sqsStore.js'),
      load('./sns/snsStore.js'),
      load('./s3/s3Store.js'),
      load('./persistence.js'),
    ]);
    const sqs = construct<SqsStore>(sqsModule.SqsStore);
    const sns = construct<SnsStore>(snsModule.SnsStore);
    const s3 = construct<S3Store>(s3Module.S3Store);
    const persistence = construct<Persistence>(
      persistenceModule.PersistenceManager,
      join(dataDir, storePaths.messages),
    );
    persistence.load(sqs, sns, s3);
    for (const store of [sqs, sns, s3, ...sqs.allQueues()]) store.persistence = persistence;
    for (const queue of sqs.allQueues()) queue.url = queueUrl(queue.name, place);
    const built = app.buildApp({
      logger: false,
      defaultRegion: place.region,
      stores: { sqsStore: sqs, snsStore: sns, s3Store: s3 } as never,
    }) as unknown as App;
    await built.ready();
    return new MessageStores(built, sqs, sns, s3, persistence);
  }

  /** Answers requests that were let through. */
  get server(): Pick<EventEmitter, 'emit'> {
    return this.#app.server;
  }

  ensureBucket(name: string): void {
    if (!this.#s3.hasBucket(name)) this.#s3.createBucket(name);
  }

  ensureTopic(name: string, place: Place): void {
    if (!this.#sns.getTopic(arn(place, 'sns', name)))
      this.#sns.createTopic(name, undefined, undefined, place.region);
  }

  /** Queues keep their messages over restarts; their attributes and address are the template's every time. */
  ensureQueue(name: string, properties: QueueProperties, place: Place): void {
    const attributes = queueAttributes(properties);
    const stored = this.#sqs.getQueueByName(name);
    if (!stored) {
      this.#sqs.createQueue(name, queueUrl(name, place), arn(place, 'sqs', name), attributes);
      return;
    }
    Object.assign(stored.attributes, attributes);
  }

  async close(): Promise<void> {
    await this.#app.close();
    this.#persistence.close();
  }
}

function queueUrl(name: string, { servicesUrl, accountId }: Place): string {
  return `${servicesUrl}/${accountId}/${name}`;
}

function construct<T>(Class: (new (path?: string) => unknown) | undefined, path?: string): T {
  if (!Class) throw new Error('this version of fauxqs is laid out differently');
  return new Class(path) as T;
}

function queueAttributes(properties: QueueProperties): Record<string, string> {
  const {
    VisibilityTimeout,
    MessageRetentionPeriod,
    DelaySeconds,
    ReceiveMessageWaitTimeSeconds,
    MaximumMessageSize,
    RedrivePolicy,
  } = properties;
  const numbers = {
    VisibilityTimeout,
    MessageRetentionPeriod,
    DelaySeconds,
    ReceiveMessageWaitTimeSeconds,
    MaximumMessageSize,
  };
  const given = Object.entries(numbers).filter(([, value]) => value !== undefined);
  return {
    ...Object.fromEntries(given.map(([key, value]) => [key, String(value)])),
    ...(RedrivePolicy ? { RedrivePolicy: JSON.stringify(RedrivePolicy) } : {}),
  };
}
