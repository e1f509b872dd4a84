import { putCommand } from '../../../agent/s3/put-command.ts';

const object = { Bucket: 'backups', Key: 'snapshots/a' };

test('a PUT of what must be new asks the store to replace nothing, with and without a hash', () => {
  const body = new Uint8Array([1, 2]);
  const hash = new Uint8Array(32).fill(7);
  for (const options of [{}, { hash }]) {
    expect(putCommand(object, body, { ...options, isNew: true }).input.IfNoneMatch).toBe('*');
    expect(putCommand(object, body, options).input).not.toHaveProperty('IfNoneMatch');
  }
  expect(putCommand(object, body, { hash }).input).toMatchObject({
    ...object,
    ChecksumSHA256: Buffer.from(hash).toString('base64'),
  });
});

test('the body is the view given, not the buffer behind it', () => {
  const behind = new Uint8Array([1, 2, 3, 4]);
  expect(putCommand(object, behind.subarray(1, 3)).input.Body).toEqual(Buffer.from([2, 3]));
});
