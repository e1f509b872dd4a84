import { BufferPool } from '../../../agent/nbd/buffer-pool.ts';
import { HoldfastError } from '../../../core/errors.ts';
import {
  errnoOf,
  errorReply,
  extentsMax,
  performRequest,
  validateRequest,
  type Session,
} from '../../../agent/nbd/requests.ts';
import { command, commandFlag, errno, type Request } from '../../../agent/nbd/wire.ts';
import { memoryDevice } from './memory-device.ts';

const sizeBytes = 10_000;
const contexts = [
  { id: 1, name: 'base:allocation' as const },
  { id: 2, name: 'holdfast:restore' as const },
];
const session = (over: Partial<Session> = {}): Session => ({
  device: memoryDevice(sizeBytes, { maxBytes: 4096 }),
  structured: true,
  contexts,
  buffers: new BufferPool(0),
  ...over,
});
const request = (type: number, offsetBytes: number, lengthBytes: number, flags = 0): Request => ({
  type,
  flags,
  offsetBytes,
  lengthBytes,
  cookie: { high: 0, low: 7 },
});

describe('validateRequest', () => {
  const { read, write, flush, trim, cache, writeZeroes, blockStatus } = command;

  it.each([
    ['a read up to the end', request(read, 9000, 1000)],
    ['a write up to the end with FUA', request(write, 9999, 1, commandFlag.fua)],
    ['a trim longer than a read may be', request(trim, 0, sizeBytes)],
    ['zeroes without a hole', request(writeZeroes, 0, sizeBytes, commandFlag.noHole | commandFlag.fua)],
    ['a status of one extent', request(blockStatus, 0, sizeBytes, commandFlag.reqOne)],
    ['a flush', request(flush, 0, 0)],
    ['a cache', request(cache, 0, sizeBytes)],
  ])('accepts %s', (_what, valid) => {
    expect(validateRequest(session(), valid)).toBeUndefined();
  });

  it.each([
    ['an unknown command', errno.EINVAL, request(8, 0, 1)],
    ['an unknown flag', errno.EINVAL, request(read, 0, 1, 32)],
    ['a flag of another command', errno.EINVAL, request(write, 0, 1, commandFlag.noHole)],
    ['a read past the end', errno.EINVAL, request(read, 9000, 1001)],
    ['a read far past the end', errno.EINVAL, request(read, 2 ** 63, 1)],
    ['a write past the end', errno.ENOSPC, request(write, sizeBytes, 1)],
    ['zeroes past the end', errno.ENOSPC, request(writeZeroes, 1, 0xffffffff)],
    ['a read above the maximum', errno.EINVAL, request(read, 0, 4097)],
    ['a write above the maximum', errno.EINVAL, request(write, 0, 4097)],
    ['an empty read', errno.EINVAL, request(read, 0, 0)],
    ['an empty status', errno.EINVAL, request(blockStatus, 0, 0)],
    ['a flush with a range', errno.EINVAL, request(flush, 0, 512)],
    ['fast zeroes', errno.ENOTSUP, request(writeZeroes, 0, 1, commandFlag.fastZero)],
  ])('refuses %s with errno %i', (_what, expected, refused) => {
    expect(errnoOf(validateRequest(session(), refused)!)).toBe(expected);
  });

  it('refuses every kind of write to a read-only export with EPERM', () => {
    const readOnly = session({ device: memoryDevice(sizeBytes, { readOnly: true }) });
    for (const type of [write, trim, writeZeroes]) {
      expect(errnoOf(validateRequest(readOnly, request(type, 0, 1))!)).toBe(errno.EPERM);
    }
    expect(validateRequest(readOnly, request(read, 0, 1))).toBeUndefined();
  });

  it('asks for the alignment that the device has, but not of the tail', () => {
    const aligned = session({ device: memoryDevice(1300, { minBytes: 512 }) });
    expect(validateRequest(aligned, request(read, 512, 512))).toBeUndefined();
    expect(validateRequest(aligned, request(read, 1024, 276))).toBeUndefined();
    expect(errnoOf(validateRequest(aligned, request(read, 1, 512))!)).toBe(errno.EINVAL);
    expect(errnoOf(validateRequest(aligned, request(write, 0, 100))!)).toBe(errno.EINVAL);
  });

  it('refuses what was not negotiated', () => {
    const bare = session({
      device: memoryDevice(sizeBytes, { bare: true }),
      contexts: [],
      structured: false,
    });
    expect(errnoOf(validateRequest(bare, request(blockStatus, 0, 1))!)).toBe(errno.EINVAL);
    expect(errnoOf(validateRequest(bare, request(cache, 0, 1))!)).toBe(errno.EINVAL);
    expect(errnoOf(validateRequest(bare, request(read, 0, 1, commandFlag.dontFragment))!)).toBe(errno.EINVAL);
  });
});

describe('performRequest', () => {
  it('passes commands, ranges and flags to the device', async () => {
    const device = memoryDevice(sizeBytes);
    const { fua, noHole } = commandFlag;
    await performRequest(session({ device }), request(command.write, 5, 3, fua), Buffer.from('abc'));
    await performRequest(session({ device }), request(command.write, 8, 1), Buffer.from('d'));
    await performRequest(session({ device }), request(command.trim, 1, 2, fua), undefined);
    await performRequest(session({ device }), request(command.writeZeroes, 3, 4, fua | noHole), undefined);
    await performRequest(session({ device }), request(command.writeZeroes, 3, 4), undefined);
    await performRequest(session({ device }), request(command.flush, 0, 0), undefined);
    await performRequest(session({ device }), request(command.cache, 0, 9), undefined);
    expect(device.calls).toEqual([
      'write 5+3 fua',
      'write 8+1',
      'trim 1+2 fua',
      'zero 3+4 fua no-hole',
      'zero 3+4',
      'flush',
      'cache 0+9',
    ]);
  });

  it('answers a read with its header and data in one buffer', async () => {
    const device = memoryDevice(sizeBytes);
    device.bytes.write('hello', 100);
    const [structured] = await performRequest(session({ device }), request(command.read, 100, 5), undefined);
    expect(structured!.toString('latin1', 28)).toBe('hello');
    const plain = session({ device, structured: false });
    const [simple] = await performRequest(plain, request(command.read, 100, 5), undefined);
    expect(simple!.toString('latin1', 16)).toBe('hello');
  });

  it('merges equal extents, clips them to the range and answers each context once', async () => {
    const device = memoryDevice(sizeBytes);
    device.hooks.extents = [
      { lengthBytes: 100, flags: 0 },
      { lengthBytes: 100, flags: 0 },
      { lengthBytes: 50, flags: 3 },
      { lengthBytes: 5000, flags: 1 },
      { lengthBytes: 5000, flags: 0 },
    ];
    const chunks = await performRequest(session({ device }), request(command.blockStatus, 0, 300), undefined);
    const extents = (chunk: Buffer) =>
      Array.from({ length: (chunk.length - 24) / 8 }, (_, i) => [
        chunk.readUInt32BE(24 + 8 * i),
        chunk.readUInt32BE(28 + 8 * i),
      ]);
    expect(chunks.map((chunk) => chunk.readUInt32BE(20))).toEqual([1, 2]);
    expect(chunks.map((chunk) => chunk.readUInt16BE(4))).toEqual([0, 1]); // only the last is done
    expect(extents(chunks[0]!)).toEqual([
      [200, 0],
      [50, 3],
      [50, 1],
    ]);
    const one = await performRequest(
      session({ device }),
      request(command.blockStatus, 0, 300, commandFlag.reqOne),
      undefined,
    );
    expect(extents(one[0]!)).toEqual([[200, 0]]);
  });

  it('bounds the extents of a reply, whatever the device returns', async () => {
    const device = memoryDevice(sizeBytes);
    device.hooks.extents = Array.from({ length: 9000 }, (_, i) => ({ lengthBytes: 1, flags: i % 2 }));
    const [chunk] = await performRequest(
      session({ device }),
      request(command.blockStatus, 0, 9000),
      undefined,
    );
    expect(chunk!.length).toBe(24 + 8 * extentsMax);
    device.hooks.extents = [];
    await expect(
      performRequest(session({ device }), request(command.blockStatus, 0, 9000), undefined),
    ).rejects.toMatchObject({ code: 'INTERNAL' });
  });
});

describe('errorReply', () => {
  it.each([
    ['NO_SPACE', errno.ENOSPC],
    ['IO', errno.EIO],
    ['CORRUPT', errno.EIO],
    ['UNAVAILABLE', errno.EIO],
    ['INVALID_INPUT', errno.EINVAL],
    ['FORBIDDEN', errno.EPERM],
    ['GONE', errno.ESHUTDOWN],
  ] as const)('maps %s to errno %i', (code, expected) => {
    const plain = session({ structured: false });
    const reply = errorReply(plain, { high: 0, low: 7 }, new HoldfastError(code, 'why'));
    expect([reply.readUInt32BE(4), reply.readUInt32BE(12)]).toEqual([expected, 7]);
  });

  it('makes EIO of what is no error of ours', () => {
    const reply = errorReply(session(), { high: 0, low: 7 }, new TypeError('bug'));
    expect(reply.readUInt32BE(20)).toBe(errno.EIO);
  });
});
