import { randomUUID } from 'node:crypto';
import { HoldfastError } from '../../core/errors.ts';
import { limits } from '../../core/limits.ts';
import { protocolVersion, type UpstreamType } from '../../core/messages.ts';
import type { DialedSocket } from './dialer.ts';
import { FrameAllowance } from './frame-allowance.ts';
import type { UpstreamBody } from './link-ports.ts';

/** One dial's socket, and what came and went over it. */
export class OpenSocket {
  socket: DialedSocket | undefined;
  readonly epoch: number;
  readonly allowance: FrameAllowance;
  pingedAt: number | undefined;
  /** Frames that could not be read: two peers must not reject each other for ever. */
  rejects = 0;
  welcomes = 0;
  /** Nothing that it still brings is looked at. */
  closed = false;
  private framesSent = 0;

  /** `now`: monotonic, ms. */
  constructor(epoch: number, now: number) {
    this.epoch = epoch;
    this.allowance = new FrameAllowance(now);
  }

  /** False while it is being dialed. Throws TOO_LARGE. */
  send<T extends UpstreamType>(type: T, body: UpstreamBody<T>, unixMs: number): boolean {
    if (!this.socket) return false;
    const text = JSON.stringify({
      v: protocolVersion,
      t: type,
      id: randomUUID(),
      epoch: this.epoch,
      seq: this.framesSent + 1,
      ts: unixMs,
      body,
    });
    if (Buffer.byteLength(text) > limits.messageBytes)
      throw new HoldfastError('TOO_LARGE', `a ${type} message has more than ${limits.messageBytes} bytes`);
    this.framesSent++;
    this.socket.send(text);
    return true;
  }
}
