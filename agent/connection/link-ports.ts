import type { z } from 'zod';
import type { Log } from '../../core/log.ts';
import type { Downstream, upstreamBodies, UpstreamType } from '../../core/messages.ts';
import type { Dialer } from './dialer.ts';
import type { DialKey, LinkMemory, Welcome } from './link-state.ts';

export type UpstreamBody<T extends UpstreamType> = z.infer<(typeof upstreamBodies)[T]>;

/** The world of a link: clocks, chance, network, disk. `setTimer` returns what cancels it. */
export interface LinkDeps {
  dial: Dialer;
  /** Monotonic, in milliseconds. */
  now: () => number;
  unixMs: () => number;
  random: () => number;
  setTimer: (run: () => void, delayMs: number) => () => void;
  log: Log;
  /** The bearer token of one dial. */
  signToken: (dial: { cellId: string; seq: number; issuedAt: number; key: DialKey }) => Promise<string>;
  remember: (memory: LinkMemory) => Promise<void>;
  hello: () => Omit<UpstreamBody<'hello'>, 'sentAt'>;
}

export interface LinkHandlers {
  up(connection: { epoch: number; cellId: string; welcome: Welcome }): void;
  down(reason: string): void;
  /** Another agent with this gateway's key is the newer one, and what was allowed here may be its to do. */
  takenOver?(): void;
  message(message: Downstream): void;
  /** The server was too busy for something that was sent: whatever has no answer yet is to be said again. */
  sayAgain?(): void;
  /** The next key opened the connection that is about to be `up`. */
  keyWelcomed?(): void;
}

export interface LinkView {
  connected: boolean;
  cellId?: string;
  epoch?: number;
  /** Connections that were welcomed since the start, planned rollovers included. */
  connects: number;
  /** Connections that were lost since the start. */
  losses: number;
  /** The middle one of the last pings' round trips. */
  rttMs?: number;
  /** Share of the last pings that had no answer. */
  pingLoss?: number;
  /** When the first certificate of the server's chain ends, Unix ms; absent: no TLS, or not seen yet. */
  certificateAt?: number;
  clockOffsetMs: number;
  /** Why there is no connection. */
  trouble?: string;
  /** When the next try is due, in ms from now. */
  retryInMs?: number;
}
