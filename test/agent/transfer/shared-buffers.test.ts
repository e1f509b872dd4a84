import { discard, SharedBuffers } from '../../../agent/transfer/shared-buffers.ts';

const KiB = 1024;

it('gives memory out again that was given back, by any view of it, and only once', () => {
  const buffers = new SharedBuffers(1024 * KiB);
  const first = buffers.take(200 * KiB);
  expect(first.length).toBe(200 * KiB);
  expect(buffers.take(200 * KiB).buffer).not.toBe(first.buffer);
  buffers.give(first.subarray(5, 10));
  buffers.give(first);
  const second = buffers.take(250 * KiB);
  expect(second.buffer).toBe(first.buffer);
  expect(buffers.take(250 * KiB).buffer).not.toBe(first.buffer);
});

it('keeps no more than it may, and nothing that is not its own', () => {
  const buffers = new SharedBuffers(300 * KiB);
  const [one, two] = [buffers.take(200 * KiB), buffers.take(200 * KiB)];
  buffers.give(one);
  buffers.give(two);
  const strange = new Uint8Array(new SharedArrayBuffer(256 * KiB));
  buffers.give(strange);
  const taken = [buffers.take(200 * KiB), buffers.take(200 * KiB)].map(({ buffer }) => buffer);
  expect(taken[0]).toBe(one.buffer);
  expect([two.buffer, strange.buffer]).not.toContain(taken[1]);
});

it('discards what is nobody else’s and leaves the pool of small buffers alone', () => {
  const own = new Uint8Array(100 * KiB);
  discard(own.subarray(0, 10));
  expect(own.length).toBe(0);
  const small = Buffer.from('a few bytes');
  discard(small);
  expect(small.toString()).toBe('a few bytes');
  const shared = new Uint8Array(new SharedArrayBuffer(100 * KiB));
  discard(shared);
  expect(shared.length).toBe(100 * KiB);
});
