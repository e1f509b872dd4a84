import { parseS3Url, parseSnapshotUrl, s3Url } from '../../../agent/s3/s3-url.ts';

const id = '01hf7yat00000g40r40m30e209';

test.each([
  ['s3://bucket', 'bucket', ''],
  ['s3://bucket/', 'bucket', ''],
  ['s3://my.bucket-1/a', 'my.bucket-1', 'a/'],
  ['s3://bucket/a/b/', 'bucket', 'a/b/'],
])('%s is a location', (url, bucket, prefix) => {
  expect(parseS3Url(url)).toEqual({ bucket, prefix });
  expect(s3Url(parseS3Url(url))).toBe(url.replace(/\/$/, ''));
});

test.each([
  ['bucket/prefix', 'does not start with s3://'],
  ['https://bucket/prefix', 'does not start with s3://'],
  ['s3://', 'names no bucket'],
  ['s3:///prefix', 'names no bucket'],
  ['s3://Bucket/prefix', 'cannot be a bucket’s name'],
  ['s3://b/prefix', 'cannot be a bucket’s name'],
  ['s3://bucket/a//b', 'empty path part'],
  ['s3://bucket/../other', 'empty path part, . or ..'],
  ['s3://bucket/a b', 'not safe in S3 keys'],
  ['s3://bucket/a?x=1', 'not safe in S3 keys'],
  [`s3://bucket/${'a'.repeat(600)}`, 'longer than 512'],
])('%s is refused: it %s', (url, why) => {
  const refused = expect.objectContaining({ code: 'INVALID_INPUT', message: expect.stringContaining(why) });
  expect(() => parseS3Url(url)).toThrow(refused);
});

test('a snapshot’s URL ends with its id', () => {
  const location = { bucket: 'bucket', prefix: 'a/b/', snapshotId: id };
  expect(parseSnapshotUrl(`s3://bucket/a/b/${id}`)).toEqual(location);
  expect(parseSnapshotUrl(`s3://bucket/${id}/`)).toEqual({ ...location, prefix: '' });
  for (const url of ['s3://bucket', 's3://bucket/a/b', `s3://bucket/${id}x`])
    expect(() => parseSnapshotUrl(url)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
});
