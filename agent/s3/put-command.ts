import { PutObjectCommand } from '@aws-sdk/client-s3';

/**
 * A PUT of bytes. With the body's SHA-256 the SDK computes neither its CRC-32 nor the hash that it signs: both take
 * time from the thread that serves clients, and S3 checks the body against the SHA-256 instead.
 */
export function putCommand(
  object: { Bucket: string; Key: string },
  body: Uint8Array,
  { hash, isNew }: { hash?: Uint8Array | undefined; isNew?: boolean | undefined } = {},
): PutObjectCommand {
  const Body = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const input = { ...object, Body, ...(isNew && { IfNoneMatch: '*' }) };
  if (!hash) return new PutObjectCommand(input);
  const ChecksumSHA256 = Buffer.from(hash).toString('base64');
  const command = new PutObjectCommand({ ...input, ChecksumSHA256 });
  command.middlewareStack.add(
    (next) => (args) => {
      const { headers } = args.request as { headers: Record<string, string> };
      headers['x-amz-content-sha256'] = Buffer.from(hash).toString('hex');
      return next(args);
    },
    { step: 'build', name: 'holdfastBodyHash' },
  );
  return command;
}
