import type { S3Client } from '@aws-sdk/client-s3';
import { pipeline, Readable, Transform } from 'node:stream';
import { HoldfastError } from '../../core/errors.ts';
import { bytesText } from '../../core/readable.ts';

/** Far more than a page of a listing, a page of a manifest or the text of an error has. */
const answerBytesMax = 32 * 1024 * 1024;

/**
 * The same client, which ends an answer that does not end by itself: the SDK collects what a server says in memory, in
 * whole, before it looks at it.
 */
export function withBoundedAnswers(client: S3Client): S3Client {
  client.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const response = result.response as { body?: unknown };
      if (response.body instanceof Readable) response.body = bounded(response.body);
      return result;
    },
    // Behind the deserializer, so that it reads what is left.
    { step: 'deserialize', priority: 'low', name: 'boundedAnswers' },
  );
  return client;
}

function bounded(body: Readable): Readable {
  let lengthBytes = 0;
  const limit = new Transform({
    transform(part: Uint8Array, _encoding, done) {
      lengthBytes += part.length;
      if (lengthBytes <= answerBytesMax) done(undefined, part);
      else done(tooLong());
    },
  });
  return pipeline(body, limit, () => undefined);
}

const tooLong = (): HoldfastError =>
  new HoldfastError('IO', `S3 answered with more than ${bytesText(answerBytesMax)}`, {
    hint: 'check AWS_ENDPOINT_URL_S3 and the proxy: what answers there is not S3',
  });
