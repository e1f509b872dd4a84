import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { SignedRequest } from './transfer.ts';

interface SdkRequest {
  protocol: string;
  hostname: string;
  port?: number;
  path: string;
  query?: Record<string, string | string[] | null>;
  headers: Record<string, string>;
}

/**
 * The GET as the SDK would send it: its endpoint, its credentials, its signature. The middleware stands before
 * everything that sends and reads, and gives the finished request back instead.
 */
export async function signRange(
  client: S3Client,
  object: { Bucket: string; Key: string; Range: string },
  signal?: AbortSignal,
): Promise<SignedRequest> {
  let signed: SdkRequest | undefined;
  const command = new GetObjectCommand(object);
  command.middlewareStack.add(
    () => (args) => {
      signed = args.request as SdkRequest;
      return Promise.resolve({ response: undefined, output: { $metadata: {} } });
    },
    { step: 'deserialize', priority: 'high', name: 'holdfastSignOnly' },
  );
  await client.send(command, { abortSignal: signal });
  if (!signed) throw new Error('the SDK sent nothing');
  const { protocol, hostname, port, path, query, headers } = signed;
  return { protocol, hostname, port, path: path + queryText(query ?? {}), headers: { ...headers } };
}

function queryText(query: NonNullable<SdkRequest['query']>): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    [value ?? ''].flat().map((each) => `${encodeURIComponent(name)}=${encodeURIComponent(each)}`),
  );
  return pairs.length > 0 ? `?${pairs.join('&')}` : '';
}
