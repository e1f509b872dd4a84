/**
 * The NBD protocol's numbers and byte layouts, and nothing else: every magic, code and offset of the wire is in this
 * file. Source: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md (all integers are big-endian).
 */

export const serverMagic = 0x4e42444d41474943n; // 'NBDMAGIC'
export const optionMagic = 0x49484156454f5054n; // 'IHAVEOPT'
export const optionReplyMagic = 0x0003e889045565a9n;
export const requestMagic = 0x25609513;
export const simpleReplyMagic = 0x67446698;
export const structuredReplyMagic = 0x668e33ef;

export const handshakeFlag = { fixedNewstyle: 1, noZeroes: 2 } as const;

export const option = {
  exportName: 1,
  abort: 2,
  list: 3,
  startTls: 5,
  info: 6,
  go: 7,
  structuredReply: 8,
  listMetaContext: 9,
  setMetaContext: 10,
} as const;

export const optionReply = {
  ack: 1,
  server: 2,
  info: 3,
  metaContext: 4,
  errUnsupported: 0x80000001,
  errPolicy: 0x80000002,
  errInvalid: 0x80000003,
  errTlsRequired: 0x80000005,
  errUnknown: 0x80000006,
  errTooBig: 0x80000009,
} as const;

export const infoType = { export: 0, name: 1, description: 2, blockSize: 3 } as const;

export const transmissionFlag = {
  hasFlags: 1 << 0,
  readOnly: 1 << 1,
  sendFlush: 1 << 2,
  sendFua: 1 << 3,
  sendTrim: 1 << 5,
  sendWriteZeroes: 1 << 6,
  sendDontFragment: 1 << 7,
  canMultiConn: 1 << 8,
  sendCache: 1 << 10,
  sendFastZero: 1 << 11,
} as const;

export const command = {
  read: 0,
  write: 1,
  disconnect: 2,
  flush: 3,
  trim: 4,
  cache: 5,
  writeZeroes: 6,
  blockStatus: 7,
} as const;

export const commandFlag = { fua: 1, noHole: 2, dontFragment: 4, reqOne: 8, fastZero: 16 } as const;

export const chunkType = { none: 0, offsetData: 1, blockStatus: 5, error: 0x8001 } as const;
const chunkDone = 1;

/** The protocol's errors; a server must send no others. */
export const errno = {
  EPERM: 1,
  EIO: 5,
  ENOMEM: 12,
  EINVAL: 22,
  ENOSPC: 28,
  EOVERFLOW: 75,
  ENOTSUP: 95,
  ESHUTDOWN: 108,
} as const;
export type Errno = (typeof errno)[keyof typeof errno];

/** No string of the protocol is longer. */
export const stringMaxBytes = 4096;
export const clientFlagsBytes = 4;
export const optionHeaderBytes = 16;
export const requestHeaderBytes = 28;
export const simpleReplyBytes = 16;
/** Header of a structured chunk, and the offset in front of a data chunk's bytes. */
export const structuredHeaderBytes = 20;
export const readChunkBytes = structuredHeaderBytes + 8;

/** The client's name for a request; 64 opaque bits, kept as two halves because most exceed a safe integer. */
export interface Cookie {
  high: number;
  low: number;
}

export interface Request {
  flags: number;
  type: number;
  cookie: Cookie;
  /** Exact up to 2^53; above that it is still above every size that an export can have. */
  offsetBytes: number;
  lengthBytes: number;
}

/** A request's header at `at`; undefined where the magic is wrong. */
export function decodeRequest(bytes: Buffer, at: number): Request | undefined {
  if (bytes.readUInt32BE(at) !== requestMagic) return undefined;
  return {
    flags: bytes.readUInt16BE(at + 4),
    type: bytes.readUInt16BE(at + 6),
    cookie: { high: bytes.readUInt32BE(at + 8), low: bytes.readUInt32BE(at + 12) },
    offsetBytes: bytes.readUInt32BE(at + 16) * 2 ** 32 + bytes.readUInt32BE(at + 20),
    lengthBytes: bytes.readUInt32BE(at + 24),
  };
}

/** An option's header; undefined where the magic is wrong. */
export function decodeOptionHeader(bytes: Buffer): { option: number; lengthBytes: number } | undefined {
  if (bytes.readBigUInt64BE(0) !== optionMagic) return undefined;
  return { option: bytes.readUInt32BE(8), lengthBytes: bytes.readUInt32BE(12) };
}

export function encodeGreeting(): Buffer {
  const bytes = Buffer.alloc(18);
  bytes.writeBigUInt64BE(serverMagic, 0);
  bytes.writeBigUInt64BE(optionMagic, 8);
  bytes.writeUInt16BE(handshakeFlag.fixedNewstyle | handshakeFlag.noZeroes, 16);
  return bytes;
}

export function encodeOptionReply(
  forOption: number,
  type: number,
  data: Uint8Array = Buffer.alloc(0),
): Buffer {
  const bytes = Buffer.alloc(20 + data.length);
  bytes.writeBigUInt64BE(optionReplyMagic, 0);
  bytes.writeUInt32BE(forOption, 8);
  bytes.writeUInt32BE(type, 12);
  bytes.writeUInt32BE(data.length, 16);
  bytes.set(data, 20);
  return bytes;
}

/** Answer to EXPORT_NAME, the one option whose answer has no header. */
export function encodeExportNameReply(sizeBytes: number, flags: number, noZeroes: boolean): Buffer {
  const bytes = Buffer.alloc(noZeroes ? 10 : 134);
  bytes.writeBigUInt64BE(BigInt(sizeBytes), 0);
  bytes.writeUInt16BE(flags, 8);
  return bytes;
}

export function encodeInfoExport(sizeBytes: number, flags: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt16BE(infoType.export, 0);
  bytes.writeBigUInt64BE(BigInt(sizeBytes), 2);
  bytes.writeUInt16BE(flags, 10);
  return bytes;
}

export function encodeInfoText(
  type: typeof infoType.name | typeof infoType.description,
  text: string,
): Buffer {
  const encoded = Buffer.from(text);
  const bytes = Buffer.alloc(2 + encoded.length);
  bytes.writeUInt16BE(type, 0);
  bytes.set(encoded, 2);
  return bytes;
}

export function encodeInfoBlockSize(minBytes: number, preferredBytes: number, maxBytes: number): Buffer {
  const bytes = Buffer.alloc(14);
  bytes.writeUInt16BE(infoType.blockSize, 0);
  bytes.writeUInt32BE(minBytes, 2);
  bytes.writeUInt32BE(preferredBytes, 6);
  bytes.writeUInt32BE(maxBytes, 10);
  return bytes;
}

/** Data of a LIST entry. */
export function encodeServer(name: string, description: string): Buffer {
  const encoded = Buffer.from(name);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(encoded.length);
  return Buffer.concat([length, encoded, Buffer.from(description)]);
}

export function encodeMetaContext(contextId: number, name: string): Buffer {
  const encoded = Buffer.from(name);
  const bytes = Buffer.alloc(4 + encoded.length);
  bytes.writeUInt32BE(contextId, 0);
  bytes.set(encoded, 4);
  return bytes;
}

/** Fills `into` (≥ 16 bytes); a successful read's data follows it. */
export function encodeSimpleReply(into: Buffer, cookie: Cookie, error: number): void {
  into.writeUInt32BE(simpleReplyMagic, 0);
  into.writeUInt32BE(error, 4);
  writeCookie(into, 8, cookie);
}

/** Fills the 28 bytes in front of a read's `dataBytes` bytes: the only and last chunk of its reply. */
export function encodeReadChunk(into: Buffer, cookie: Cookie, offsetBytes: number, dataBytes: number): void {
  writeChunkHeader(into, chunkType.offsetData, cookie, 8 + dataBytes, true);
  into.writeUInt32BE(Math.floor(offsetBytes / 2 ** 32), 20);
  into.writeUInt32BE(offsetBytes % 2 ** 32, 24);
}

/** The last chunk of a failed request; `message` is for a person and is cut to 256 characters. */
export function encodeErrorChunk(cookie: Cookie, error: Errno, message: string): Buffer {
  const text = Buffer.from(message.slice(0, 256));
  const bytes = Buffer.alloc(structuredHeaderBytes + 6 + text.length);
  writeChunkHeader(bytes, chunkType.error, cookie, 6 + text.length, true);
  bytes.writeUInt32BE(error, 20);
  bytes.writeUInt16BE(text.length, 24);
  bytes.set(text, 26);
  return bytes;
}

export function encodeBlockStatusChunk(
  cookie: Cookie,
  contextId: number,
  extents: readonly { lengthBytes: number; flags: number }[],
  done: boolean,
): Buffer {
  const bytes = Buffer.alloc(structuredHeaderBytes + 4 + 8 * extents.length);
  writeChunkHeader(bytes, chunkType.blockStatus, cookie, 4 + 8 * extents.length, done);
  bytes.writeUInt32BE(contextId, 20);
  extents.forEach((extent, i) => {
    bytes.writeUInt32BE(extent.lengthBytes, 24 + 8 * i);
    bytes.writeUInt32BE(extent.flags, 28 + 8 * i);
  });
  return bytes;
}

function writeChunkHeader(
  into: Buffer,
  type: number,
  cookie: Cookie,
  lengthBytes: number,
  done: boolean,
): void {
  into.writeUInt32BE(structuredReplyMagic, 0);
  into.writeUInt16BE(done ? chunkDone : 0, 4);
  into.writeUInt16BE(type, 6);
  writeCookie(into, 8, cookie);
  into.writeUInt32BE(lengthBytes, 16);
}

function writeCookie(into: Buffer, at: number, cookie: Cookie): void {
  into.writeUInt32BE(cookie.high, at);
  into.writeUInt32BE(cookie.low, at + 4);
}
