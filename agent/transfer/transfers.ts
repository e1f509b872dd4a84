import { availableParallelism } from 'node:os';
import { outboundAgent } from '../connection/outbound-agent.ts';
import { rangeFetcher } from './range-fetcher.ts';
import type { ChunkEncoder } from '../snapshot/chunk-encoder.ts';
import { EncoderThreads } from './encoder-threads.ts';
import type { LateWriter } from './late-writes.ts';
import { SharedBuffers } from './shared-buffers.ts';
import { TransferThread } from './transfer-thread.ts';
import type { Transfer } from './transfer.ts';
import { unpack } from './unpack.ts';

/** Two ways for one piece of work: at once, for a client that waits; beside it, for what can be late. */
export interface Transfers {
  /** For what is fetched and unpacked by the run. */
  readonly buffers: SharedBuffers;
  readonly demand: Transfer;
  readonly background: Transfer;
  /** For what the background writes. @default the file is written by whoever has it open */
  readonly lateWriter?: LateWriter;
  /** For what a snapshot stores. @default in the caller's thread */
  readonly encoder?: ChunkEncoder;
  /** The background will have work soon. */
  readonly warm?: () => void;
}

/** What all backgrounds of a process hold at their usual pace; more is left to the garbage collector. */
const keptMaxBytes = 64 * 1024 * 1024;
const buffers = new SharedBuffers(keptMaxBytes);
const inline: Transfer = { fetchRange: rangeFetcher(), unpack };

/** Both in this thread and straight out. */
export const inlineTransfers: Transfers = { demand: inline, background: inline, buffers };

/** Both in this thread; the environment says whether there is a proxy. */
export function inlineTransfersBy(env: Record<string, string | undefined>): Transfers {
  const transfer: Transfer = { fetchRange: rangeFetcher(outboundAgent(env)), unpack };
  return { demand: transfer, background: transfer, buffers };
}

/** More threads than this gain nothing: the link, or the disk, is the limit by then. */
const encodersMax = 4;

/**
 * The background has a thread of its own, and snapshots have some; each starts with its first work. The environment
 * says whether there is a proxy. Dispose of it at the end.
 */
export function openTransfers(env: Record<string, string | undefined>): Transfers & AsyncDisposable {
  const background = new TransferThread(env);
  const { demand } = inlineTransfersBy(env);
  const encoderCount = Math.min(encodersMax, availableParallelism());
  const encoders = Array.from({ length: encoderCount }, () => new TransferThread(env));
  const encoder = new EncoderThreads(encoders, buffers);
  const close = async (): Promise<void> => {
    await Promise.all([background, ...encoders].map((thread) => thread.close()));
  };
  const warm = (): void => background.warm();
  return { demand, background, lateWriter: background, encoder, warm, buffers, [Symbol.asyncDispose]: close };
}
