import { outboundAgent } from '../connection/outbound-agent.ts';
import { rangeFetcher } from './fetch-range.ts';
import { TransferThread } from './transfer-thread.ts';
import type { Transfer } from './transfer.ts';
import { unpack } from './unpack.ts';

/** Two ways for one piece of work: at once, for a client that waits; beside it, for what can be late. */
export interface Transfers {
  readonly demand: Transfer;
  readonly background: Transfer;
}

const inline: Transfer = { fetchRange: rangeFetcher(), unpack };

/** Both in this thread and straight out. */
export const inlineTransfers: Transfers = { demand: inline, background: inline };

/** Both in this thread; the environment says whether there is a proxy. */
export function inlineTransfersBy(env: Record<string, string | undefined>): Transfers {
  const transfer: Transfer = { fetchRange: rangeFetcher(outboundAgent(env)), unpack };
  return { demand: transfer, background: transfer };
}

/** The background has a thread of its own; the environment says whether there is a proxy. Dispose of it at the end. */
export function openTransfers(env: Record<string, string | undefined>): Transfers & AsyncDisposable {
  const background = new TransferThread(env);
  const { demand } = inlineTransfersBy(env);
  return { demand, background, [Symbol.asyncDispose]: () => background.close() };
}
