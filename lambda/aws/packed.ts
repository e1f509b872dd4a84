import { deflateRawSync, inflateRawSync } from 'node:zlib';

/** What an honest value, which is bounded, never reaches. */
const bytesMax = 512 * 1024 * 1024;

export const packed = (value: unknown): Buffer => deflateRawSync(JSON.stringify(value));

export const unpacked = <T>(bytes: Uint8Array): T =>
  JSON.parse(inflateRawSync(bytes, { maxOutputLength: bytesMax }).toString()) as T;
