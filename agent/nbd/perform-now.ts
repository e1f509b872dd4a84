import type { ReplySender } from './reply-sender.ts';
import type { Session } from './requests.ts';
import {
  command,
  commandFlag,
  encodeReadChunk,
  encodeSimpleReply,
  readChunkBytes,
  simpleReplyBytes,
  type Request,
} from './wire.ts';

/** Copying more than this at a time, 0.2 ms, would hold everybody else up. */
const readMaxBytes = 1024 * 1024;
/** Writing takes longer. */
const writeMaxBytes = 128 * 1024;

/**
 * Adds the reply of a valid request to the batch, where the device can perform it without waiting: no promise, and
 * one write for all of what a client has sent. False where not: then it is to be performed as usual.
 */
export function performNow(
  session: Session,
  request: Request,
  payload: Buffer | undefined,
  replies: ReplySender,
): boolean {
  const { device, structured } = session;
  const { type, flags, cookie, offsetBytes, lengthBytes } = request;
  if (type === command.read) {
    if (!device.readNow || lengthBytes > readMaxBytes) return false;
    const headerBytes = structured ? readChunkBytes : simpleReplyBytes;
    const reply = replies.place(headerBytes + lengthBytes);
    if (!device.readNow(reply.subarray(headerBytes), offsetBytes)) return false;
    if (structured) encodeReadChunk(reply, cookie, offsetBytes, lengthBytes);
    else encodeSimpleReply(reply, cookie, 0);
    replies.add(reply.length);
    return true;
  }
  if (type === command.write && (flags & commandFlag.fua) === 0) {
    if (lengthBytes > writeMaxBytes || !device.writeNow?.(payload!, offsetBytes)) return false;
    encodeSimpleReply(replies.place(simpleReplyBytes), cookie, 0);
    replies.add(simpleReplyBytes);
    return true;
  }
  return false;
}
