import { readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { sha256 } from '../../core/snapshot/format.ts';
import { outboundAgent } from '../connection/outbound-agent.ts';
import { rangeFetcher } from './range-fetcher.ts';
import { loadLinuxFile } from '../nbd/linux-file.ts';
import { encodeNow } from '../snapshot/chunk-encoder.ts';
import { writeNow } from './late-writes.ts';
import { ownMemory, type Answer, type Order, type ThreadSettings } from './thread-messages.ts';
import { TransferFailure, type UnpackedChunk } from './transfer.ts';
import { unpack } from './unpack.ts';

yieldToClients();

const port = parentPort!;
const { env } = workerData as ThreadSettings;
const fetchRange = rangeFetcher(outboundAgent(env));
const running = new Map<number, AbortController>();

/** Of this thread alone, where the kernel is Linux: what serves clients comes first where processors are short. */
function yieldToClients(): void {
  try {
    const threadId = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    setPriority(threadId, constants.priority.PRIORITY_LOW);
  } catch {
    // Then both have the same share.
  }
}

port.on('message', (order: Order) => {
  if (order.kind === 'cancel') return running.get(order.id)?.abort();
  perform(order).catch((thrown: unknown) => {
    const { code, $metadata } = thrown instanceof TransferFailure ? thrown : new TransferFailure('');
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    answer({ id: order.id, failed: { message, code, status: $metadata.httpStatusCode } });
  });
});

async function perform(order: Exclude<Order, { kind: 'cancel' }>): Promise<void> {
  switch (order.kind) {
    case 'fetch':
      return fetch(order);
    case 'unpack':
      return unpackAll(order);
    case 'write':
      return writeAll(order);
    case 'encode':
      return encode(order);
    case 'hash':
      return answer({ id: order.id, hash: sha256(order.bytes) });
  }
}

function answer(message: Answer, buffers: readonly Uint8Array[] = []): void {
  port.postMessage(message, ownMemory(buffers));
}

async function fetch(order: Extract<Order, { kind: 'fetch' }>): Promise<void> {
  const stop = new AbortController();
  running.set(order.id, stop);
  try {
    const { request, lengthBytes, into } = order;
    const fetched = await fetchRange(request, lengthBytes, stop.signal, into);
    answer({ id: order.id, fetched }, [fetched]);
  } finally {
    running.delete(order.id);
  }
}

async function writeAll({ id, file, writes }: Extract<Order, { kind: 'write' }>): Promise<void> {
  const linuxFile = writes.some(({ zeroBytes }) => zeroBytes !== undefined)
    ? await loadLinuxFile()
    : undefined;
  answer({ id, written: writes.map((write) => writeNow(file, write, linuxFile)) });
}

async function encode({ id, plain, parentHash, into }: Extract<Order, { kind: 'encode' }>): Promise<void> {
  const encoding = encodeNow(plain, parentHash, into);
  if (encoding.kind !== 'zstd') return answer({ id, encoded: encoding });
  const { kind, hash, packed } = encoding;
  answer({ id, encoded: { kind, hash, packedBytes: packed.length } });
}

async function unpackAll({ id, stored, chunks }: Extract<Order, { kind: 'unpack' }>): Promise<void> {
  const unpacked = (await unpack(stored, chunks)).map(own);
  answer(
    { id, unpacked },
    unpacked.flatMap((chunk) => ('bytes' in chunk ? [chunk.bytes] : [])),
  );
}

/** Small results of zlib lie in the pool that Node shares among buffers, which cannot be handed over. */
function own(chunk: UnpackedChunk): UnpackedChunk {
  if (!('bytes' in chunk) || chunk.bytes.length >= Buffer.poolSize) return chunk;
  return { bytes: new Uint8Array(chunk.bytes) };
}
