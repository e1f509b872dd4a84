import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { buildApp } from 'fauxqs';

/** A real S3 server in this process, in memory, on a free port of 127.0.0.1. */
export interface TestS3 {
  /** For `AWS_ENDPOINT_URL_S3`. */
  endpoint: string;
  client: S3Client;
  bucket: string;
  /** A client of its own for a test that needs another endpoint (a proxy in between) or other settings. */
  newClient(endpoint?: string): S3Client;
  close(): Promise<void>;
}

/** Starts it with one empty bucket. Call `close` in afterAll. */
export async function startS3(bucket = 'test-bucket'): Promise<TestS3> {
  const app = buildApp({ logger: false });
  const endpoint = await app.listen({ port: 0, host: '127.0.0.1' });
  const clients: S3Client[] = [];
  const newClient = (to = endpoint): S3Client => {
    const client = new S3Client({
      endpoint: to,
      region: 'us-east-1',
      forcePathStyle: true,
      maxAttempts: 1,
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    });
    clients.push(client);
    return client;
  };
  const client = newClient();
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  return {
    endpoint,
    client,
    bucket,
    newClient,
    async close() {
      for (const each of clients) each.destroy();
      await app.close();
    },
  };
}
