import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { buildApp } from 'fauxqs';

/** A real SQS server in this process, in memory, on a free port of 127.0.0.1. */
export interface TestSqs {
  endpoint: string;
  client: SQSClient;
  createQueue(name: string): Promise<string>;
  send(queueUrl: string, body: unknown): Promise<void>;
  /** Messages in the queue, those that are hidden too. */
  count(queueUrl: string): Promise<number>;
  close(): Promise<void>;
}

export async function startSqs(): Promise<TestSqs> {
  const app = buildApp({ logger: false });
  const endpoint = await app.listen({ port: 0, host: '127.0.0.1' });
  const client = new SQSClient({
    endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  return {
    endpoint,
    client,
    createQueue: async (QueueName) => {
      const { QueueUrl = '' } = await client.send(new CreateQueueCommand({ QueueName }));
      // The server names itself by its default port.
      return `${endpoint}${new URL(QueueUrl).pathname}`;
    },
    send: async (QueueUrl, body) => {
      const MessageBody = typeof body === 'string' ? body : JSON.stringify(body);
      await client.send(new SendMessageCommand({ QueueUrl, MessageBody }));
    },
    count: async (QueueUrl) => {
      const { Attributes = {} } = await client.send(
        new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }),
      );
      return (
        Number(Attributes['ApproximateNumberOfMessages']) +
        Number(Attributes['ApproximateNumberOfMessagesNotVisible'])
      );
    },
    close: async () => {
      client.destroy();
      await app.close();
    },
  };
}
