import { GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { startS3 } from '../../support/s3.ts';

test('the S3 server of the tests stores an object and serves a range of it', async () => {
  const s3 = await startS3();
  try {
    const object = { Bucket: s3.bucket, Key: 'a/b' };
    await s3.client.send(new PutObjectCommand({ ...object, Body: Buffer.from('0123456789') }));
    const got = await s3.client.send(new GetObjectCommand({ ...object, Range: 'bytes=2-5' }));
    expect(Buffer.from(await got.Body!.transformToByteArray()).toString()).toBe('2345');
    expect(got.ContentRange).toBe('bytes 2-5/10');
  } finally {
    await s3.close();
  }
});
