import { S3Client } from '@aws-sdk/client-s3';
import { RangeSigner } from '../../../agent/transfer/sign-range.ts';

let asked = 0;
let provide: () => Promise<void> = () => Promise.resolve();
const client = new S3Client({
  region: 'eu-north-1',
  credentials: async () => {
    asked += 1;
    await provide();
    return { accessKeyId: `AK${asked}`, secretAccessKey: 'secret', expiration: new Date(0) };
  },
});
const pack = { Bucket: 'bucket', Key: 'vol/packs/one' };

beforeEach(() => {
  asked = 0;
  provide = () => Promise.resolve();
});

test('one signature goes out for many ranges, and covers what S3 wants to be covered', async () => {
  const signer = new RangeSigner(client, () => 0);
  const [first, second] = await Promise.all([
    signer.sign(pack, 'bytes=0-9'),
    signer.sign(pack, 'bytes=10-19'),
  ]);
  expect([first.headers['range'], second.headers['range']]).toEqual(['bytes=0-9', 'bytes=10-19']);
  expect(first.headers['authorization']).toBe(second.headers['authorization']);
  const covered = /SignedHeaders=([^,]*)/.exec(first.headers['authorization'] ?? '')?.[1]?.split(';');
  expect(covered).toContain('host');
  expect(covered).not.toContain('range');
  for (const name of Object.keys(first.headers))
    if (name.startsWith('x-amz-')) expect(covered).toContain(name);
  expect(first.path).toBe('/vol/packs/one?x-id=GetObject');
  const other = await signer.sign({ ...pack, Key: 'vol/packs/two' }, 'bytes=0-9');
  expect(other.headers['authorization']).not.toBe(first.headers['authorization']);
});

test('it is made anew after a minute, and after a failure', async () => {
  let nowMs = 0;
  const signer = new RangeSigner(client, () => nowMs);
  const keyId = async () =>
    /Credential=(AK\d+)/.exec((await signer.sign(pack, 'bytes=0-9')).headers['authorization'] ?? '')?.[1];
  const first = await keyId();
  nowMs = 59_999;
  expect(await keyId()).toBe(first);
  nowMs = 60_000;
  const second = await keyId();
  expect(second).not.toBe(first);
  signer.forget(pack);
  expect(await keyId()).not.toBe(second);
});

test('who gives up takes nobody along', async () => {
  const signer = new RangeSigner(client, () => 0);
  const held = Promise.withResolvers<void>();
  provide = () => held.promise;
  const stop = new AbortController();
  const givesUp = signer.sign(pack, 'bytes=0-9', stop.signal);
  const waits = signer.sign(pack, 'bytes=10-19');
  stop.abort(new Error('enough'));
  await expect(givesUp).rejects.toThrow('enough');
  held.resolve();
  expect((await waits).headers['range']).toBe('bytes=10-19');
});

test('credentials that cannot be had are asked for again', async () => {
  const signer = new RangeSigner(client, () => 0);
  provide = () => Promise.reject(new Error('no credentials'));
  await expect(signer.sign(pack, 'bytes=0-9')).rejects.toThrow('no credentials');
  provide = () => Promise.resolve();
  expect((await signer.sign(pack, 'bytes=0-9')).headers['range']).toBe('bytes=0-9');
});
