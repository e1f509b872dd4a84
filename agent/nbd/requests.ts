import type { BlockDevice, Extent, StatusContext } from '../../core/block-device.ts';
import { asHoldfastError, HoldfastError, type ErrorCode } from '../../core/errors.ts';
import type { BufferPool } from './buffer-pool.ts';
import { requestMaxBytes, type MetaContext } from './exports.ts';
import {
  command,
  commandFlag,
  encodeBlockStatusChunk,
  encodeErrorChunk,
  encodeReadChunk,
  encodeSimpleReply,
  errno,
  readChunkBytes,
  simpleReplyBytes,
  type Cookie,
  type Errno,
  type Request,
} from './wire.ts';

/**
 * One request in three steps: `validateRequest` (pure, before anything is allocated), `performRequest` (the device),
 * `errorReply` (what went wrong, as an errno).
 */

export interface Session {
  device: BlockDevice;
  structured: boolean;
  contexts: readonly MetaContext[];
  /** Where the replies of reads come from. */
  buffers: BufferPool;
}

/** A reply to block status holds no more extents a context; the client asks again from where it ends. */
export const extentsMax = 2048;

const rangeCommands = new Set<number>([
  command.read,
  command.write,
  command.trim,
  command.cache,
  command.writeZeroes,
  command.blockStatus,
]);
const writeCommands = new Set<number>([command.write, command.trim, command.writeZeroes]);

/** FUA is allowed everywhere because clients are known to set it everywhere. */
const flagsAllowed = new Map<number, number>([
  [command.read, commandFlag.fua | commandFlag.dontFragment],
  [command.write, commandFlag.fua],
  [command.flush, commandFlag.fua],
  [command.trim, commandFlag.fua],
  [command.cache, commandFlag.fua],
  [command.writeZeroes, commandFlag.fua | commandFlag.noHole | commandFlag.fastZero],
  [command.blockStatus, commandFlag.fua | commandFlag.reqOne],
]);

/** The error that refuses a request, or undefined where it may be performed. */
export function validateRequest(session: Session, request: Request): HoldfastError | undefined {
  const { device } = session;
  const { type, flags, offsetBytes, lengthBytes } = request;
  const allowed = flagsAllowed.get(type);
  if (allowed === undefined) return invalid(`unknown command ${type}`);
  if ((flags & ~allowed) !== 0)
    return invalid(`flags 0x${flags.toString(16)} do not go with command ${type}`);
  if ((flags & commandFlag.dontFragment) !== 0 && !session.structured) {
    return invalid('DF needs structured replies');
  }
  if (writeCommands.has(type) && device.readOnly) {
    return new HoldfastError('FORBIDDEN', 'the export is read-only');
  }
  if (!rangeCommands.has(type)) {
    return offsetBytes === 0 && lengthBytes === 0 ? undefined : invalid('flush takes no range');
  }
  if (lengthBytes === 0) return invalid('an empty range');
  if (offsetBytes + lengthBytes > device.sizeBytes) return beyondEnd(type, device.sizeBytes);
  const { minBytes } = device.blockSize;
  if (
    offsetBytes % minBytes !== 0 ||
    (lengthBytes % minBytes !== 0 && offsetBytes + lengthBytes !== device.sizeBytes)
  ) {
    return invalid(`the range is not aligned to ${minBytes} bytes`);
  }
  if ((type === command.read || type === command.write) && lengthBytes > requestMaxBytes(device)) {
    return invalid(`at most ${requestMaxBytes(device)} bytes a request`);
  }
  if ((flags & commandFlag.fastZero) !== 0) {
    return new HoldfastError('UNSUPPORTED', 'zeroes are not known to be faster than data here');
  }
  if (type === command.cache && !device.prefetch) return invalid('the export has no cache command');
  if (type === command.blockStatus && session.contexts.length === 0)
    return invalid('no context was negotiated');
  return undefined;
}

/** Performs a valid request. Resolves with the whole reply; rejects with what the device threw. */
export async function performRequest(
  session: Session,
  request: Request,
  payload: Buffer | undefined,
): Promise<Buffer[]> {
  const { device } = session;
  const { offsetBytes, lengthBytes, cookie } = request;
  const fua = (request.flags & commandFlag.fua) !== 0;
  switch (request.type) {
    case command.read:
      return [await read(session, request)];
    case command.write:
      await device.write(payload!, offsetBytes, { fua });
      return [successReply(cookie)];
    case command.flush:
      await device.flush();
      return [successReply(cookie)];
    case command.trim:
      await device.trim(offsetBytes, lengthBytes, { fua });
      return [successReply(cookie)];
    case command.writeZeroes: {
      const noHole = (request.flags & commandFlag.noHole) !== 0;
      await device.writeZeroes(offsetBytes, lengthBytes, { fua, noHole });
      return [successReply(cookie)];
    }
    case command.cache:
      await device.prefetch!(offsetBytes, lengthBytes);
      return [successReply(cookie)];
    case command.blockStatus:
      return blockStatus(session, request);
    default:
      throw new HoldfastError('INTERNAL', `command ${request.type} was not validated`);
  }
}

/**
 * The device reads straight into the reply: no copy, one buffer to send. One whose read failed is not given back, as
 * a device may still be at work on it.
 */
async function read(session: Session, request: Request): Promise<Buffer> {
  const headerBytes = session.structured ? readChunkBytes : simpleReplyBytes;
  const replyBytes = headerBytes + request.lengthBytes;
  const reply = session.buffers.take(replyBytes).subarray(0, replyBytes);
  await session.device.read(reply.subarray(headerBytes), request.offsetBytes);
  if (session.structured) encodeReadChunk(reply, request.cookie, request.offsetBytes, request.lengthBytes);
  else encodeSimpleReply(reply, request.cookie, 0);
  return reply;
}

async function blockStatus(session: Session, request: Request): Promise<Buffer[]> {
  const { device, contexts } = session;
  const reqOne = (request.flags & commandFlag.reqOne) !== 0;
  const answers: { id: number; extents: Extent[] }[] = [];
  for (const { id, name } of contexts) {
    answers.push({ id, extents: await extentsOf(device, name, request, reqOne ? 1 : extentsMax) });
  }
  return answers.map(({ id, extents }, i) =>
    encodeBlockStatusChunk(request.cookie, id, extents, i === answers.length - 1),
  );
}

/** The device's extents, neighbours with equal flags merged; what breaks the device's contract never reaches a client. */
async function extentsOf(
  device: BlockDevice,
  context: StatusContext,
  { offsetBytes, lengthBytes }: Request,
  extentsLimit: number,
): Promise<Extent[]> {
  if (!device.blockStatus) return [{ lengthBytes, flags: 0 }];
  const merged: Extent[] = [];
  let totalBytes = 0;
  for (const extent of await device.blockStatus(context, offsetBytes, lengthBytes, extentsLimit)) {
    const last = merged.at(-1);
    const usableBytes = Math.min(extent.lengthBytes, lengthBytes - totalBytes);
    if (usableBytes <= 0) break;
    totalBytes += usableBytes;
    if (last?.flags === extent.flags) last.lengthBytes += usableBytes;
    else if (merged.length === extentsLimit) break;
    else merged.push({ lengthBytes: usableBytes, flags: extent.flags });
  }
  if (merged.length === 0) throw new HoldfastError('INTERNAL', `the device has no ${context} extents`);
  return merged;
}

function successReply(cookie: Cookie): Buffer {
  const reply = Buffer.allocUnsafe(simpleReplyBytes);
  encodeSimpleReply(reply, cookie, 0);
  return reply;
}

/** The reply of a request that failed, whether refused or thrown by the device. */
export function errorReply(session: Session, cookie: Cookie, thrown: unknown): Buffer {
  const error = asHoldfastError(thrown);
  if (session.structured) return encodeErrorChunk(cookie, errnoOf(error), error.message);
  const reply = Buffer.allocUnsafe(simpleReplyBytes);
  encodeSimpleReply(reply, cookie, errnoOf(error));
  return reply;
}

const errnos: Partial<Record<ErrorCode, Errno>> = {
  NO_SPACE: errno.ENOSPC,
  INVALID_INPUT: errno.EINVAL,
  FORBIDDEN: errno.EPERM,
  TOO_LARGE: errno.EOVERFLOW,
  UNSUPPORTED: errno.ENOTSUP,
  GONE: errno.ESHUTDOWN,
};

/** Everything that is not named is an I/O error to the client; the log has the code. */
export function errnoOf(error: HoldfastError): Errno {
  return errnos[error.code] ?? errno.EIO;
}

function invalid(message: string): HoldfastError {
  return new HoldfastError('INVALID_INPUT', message);
}

/** The protocol wants ENOSPC for writes past the end and EINVAL for the rest. */
function beyondEnd(type: number, sizeBytes: number): HoldfastError {
  const message = `the range ends behind the export's ${sizeBytes} bytes`;
  return writeCommands.has(type) ? new HoldfastError('NO_SPACE', message) : invalid(message);
}
