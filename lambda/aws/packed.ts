import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { HoldfastError } from '../../core/errors.ts';

/** What an honest value, which is bounded, never reaches. */
const honestBytesMax = 512 * 1024 * 1024;

export const packed = (value: unknown): Buffer => deflateRawSync(JSON.stringify(value));

/** `bytesMax`: of the JSON. Throws CORRUPT: it was cut, is longer than that, or was never packed. */
export function unpacked<T>(parts: readonly Uint8Array[], bytesMax = honestBytesMax): T {
  try {
    const json = inflateRawSync(Buffer.concat(parts), { maxOutputLength: bytesMax }).toString();
    return JSON.parse(json) as T;
  } catch (cause) {
    throw new HoldfastError('CORRUPT', 'packed bytes cannot be unpacked', { cause });
  }
}
