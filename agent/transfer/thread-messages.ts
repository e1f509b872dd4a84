import type { PackedChunk, SignedRequest, UnpackedChunk } from './transfer.ts';

/** What the main thread asks of the transfer thread. Buffers are handed over, not copied. */
export type Order =
  | { kind: 'fetch'; id: number; request: SignedRequest; lengthBytes: number }
  | { kind: 'cancel'; id: number }
  | { kind: 'unpack'; id: number; stored: Uint8Array; chunks: readonly PackedChunk[] };

export type Answer =
  | { id: number; fetched: Uint8Array }
  | { id: number; unpacked: UnpackedChunk[] }
  | { id: number; failed: { message: string; code: string | undefined; status: number | undefined } };

/** The environment is passed on: it says whether there is a proxy. */
export interface ThreadSettings {
  env: Record<string, string | undefined>;
}
