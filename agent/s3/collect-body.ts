import type { GetObjectCommandOutput } from '@aws-sdk/client-s3';
import type { Readable } from 'node:stream';
import { HoldfastError } from '../../core/errors.ts';

/**
 * The body of a GET, at most `maxBytes`: memory is allocated by our number, never by the server's. A connection
 * that ends early rejects with the stream's error, which is worth another attempt.
 */
export async function collectBody(
  response: GetObjectCommandOutput,
  maxBytes: number,
  action: string,
): Promise<Uint8Array> {
  const body = response.Body as Readable | undefined;
  if (body === undefined) return new Uint8Array(0);
  const tooLong = () =>
    new HoldfastError('CORRUPT', `${action}: the object is longer than ${maxBytes} bytes`);
  if (response.ContentLength !== undefined && response.ContentLength > maxBytes) {
    body.destroy();
    throw tooLong();
  }
  const into = new Uint8Array(response.ContentLength ?? maxBytes);
  let length = 0;
  for await (const part of body as AsyncIterable<Uint8Array>) {
    if (length + part.length > into.length) throw tooLong();
    into.set(part, length);
    length += part.length;
  }
  if (response.ContentLength !== undefined && length < response.ContentLength)
    throw Object.assign(new Error(`${action}: the connection ended early`), { code: 'ECONNRESET' });
  return into.subarray(0, length);
}
