import type { Encoding } from '../snapshot/chunk-encoder.ts';
import type { LateWrite, OpenFile, WriteFault } from './late-writes.ts';
import type { PackedChunk, SignedRequest, UnpackedChunk } from './transfer.ts';

/** What the main thread asks of the transfer thread. Buffers are shared or handed over, never copied. */
export type Order =
  | { kind: 'fetch'; id: number; request: SignedRequest; lengthBytes: number; into: Uint8Array | undefined }
  | { kind: 'cancel'; id: number }
  | { kind: 'write'; id: number; file: OpenFile; writes: readonly LateWrite[] }
  | { kind: 'encode'; id: number; plain: Uint8Array; parentHash: Uint8Array | undefined; into: Uint8Array }
  | { kind: 'hash'; id: number; bytes: Uint8Array }
  | { kind: 'unpack'; id: number; stored: Uint8Array; chunks: readonly PackedChunk[] };

export type Answer =
  | { id: number; fetched: Uint8Array }
  | { id: number; unpacked: UnpackedChunk[] }
  | {
      id: number;
      encoded: Exclude<Encoding, { kind: 'zstd' }> | { kind: 'zstd'; hash: Uint8Array; packedBytes: number };
    }
  | { id: number; hash: Uint8Array }
  | { id: number; written: (WriteFault | undefined)[] }
  | { id: number; failed: { message: string; code: string | undefined; status: number | undefined } };

/** The environment is passed on: it says whether there is a proxy. */
export interface ThreadSettings {
  env: Record<string, string | undefined>;
}

/** What a message hands over of these bytes' memory; what is shared stays where it is. */
export function ownMemory(all: readonly Uint8Array[]): ArrayBuffer[] {
  const memory = new Set(all.map(({ buffer }) => buffer));
  return [...memory].filter((buffer) => buffer instanceof ArrayBuffer);
}
