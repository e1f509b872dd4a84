import { responseHead } from './http-target.ts';
import { mustHold } from './must-hold.ts';
import { createHash } from 'node:crypto';
import { BufferPool } from '../../agent/nbd/buffer-pool.ts';
import { afterTls, handleOption, startNegotiation } from '../../agent/nbd/handshake.ts';
import { createHandshakeReader, createRequestReader, skippedMaxBytes } from '../../agent/nbd/reader.ts';
import { validateRequest } from '../../agent/nbd/requests.ts';
import { command, commandFlag, option, optionMagic, requestMagic } from '../../agent/nbd/wire.ts';
import { decodeDescriptor, encodeDescriptor } from '../../core/restore/descriptor.ts';
import { decodeHotList, encodeHotList } from '../../core/snapshot/hot-list.ts';
import { decodeMark, describeMark, encodeMark, markBytes, makeMarkContext } from '../../core/restore/mark.ts';
import { sha256 } from '../../core/snapshot/format.ts';
import { decodeIndex, decodeLeaf, encodeIndex, encodeLeaf } from '../../core/snapshot/page-codec.ts';
import { decodeRoot, encodeRoot } from '../../core/snapshot/root-codec.ts';
import { statusTargets } from './status-targets.ts';
import { memoryDevice } from '../agent/nbd/memory-device.ts';

/** Something that reads bytes which anybody may have written. */
export interface FuzzTarget {
  name: string;
  /** Valid inputs; most fuzzed ones are these with a few bytes changed. */
  corpus: Buffer[];
  /** Makes checksums right again, so that what lies behind them is reached too. */
  repair?: (bytes: Buffer) => Buffer;
  /** Reads it. May throw HoldfastErrors and nothing else; throws another error where a bound is broken. */
  run: (bytes: Buffer) => void;
}

const id = '01m81ktykr252k7y9vjb1wvsjj';
const name = `${id}/${'5a'.repeat(16)}`;
const hash = new Uint8Array(32).fill(7);
const chunkBytes = 4096;
const device = memoryDevice(64 * 1024);
const exports = () => [
  { name: 'vol', device },
  { name: 'öther', device: memoryDevice(4096, { readOnly: true }), description: 'read-only' },
];

const u16 = (value: number) => Buffer.from([value >> 8, value & 0xff]);
const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const counted = (text: string) => Buffer.concat([u32(Buffer.byteLength(text)), Buffer.from(text)]);
const optionOf = (code: number, data: Buffer) => {
  const magic = Buffer.alloc(8);
  magic.writeBigUInt64BE(optionMagic);
  return Buffer.concat([magic, u32(code), u32(data.length), data]);
};
const requestOf = (type: number, flags: number, offset: number, length: number) =>
  Buffer.concat([u32(requestMagic), u16(flags), u16(type), u32(1), u32(2), u32(0), u32(offset), u32(length)]);

/** The bytes come in pieces whose lengths the bytes themselves decide. */
function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length;) {
    const length = 1 + ((bytes[at]! * 7) % 61);
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

const handshake: FuzzTarget = {
  name: 'nbd-handshake',
  corpus: [
    Buffer.concat([
      u32(3),
      optionOf(option.structuredReply, Buffer.alloc(0)),
      optionOf(
        option.setMetaContext,
        Buffer.concat([counted('vol'), u32(2), counted('base:allocation'), counted('holdfast:restore')]),
      ),
      optionOf(option.go, Buffer.concat([counted('vol'), u16(2), u16(1), u16(3)])),
    ]),
    Buffer.concat([
      u32(1),
      optionOf(option.list, Buffer.alloc(0)),
      optionOf(option.exportName, Buffer.from('vol')),
    ]),
    Buffer.concat([
      u32(3),
      optionOf(option.startTls, Buffer.alloc(0)),
      optionOf(option.info, Buffer.concat([counted('öther'), u16(0)])),
      optionOf(
        option.listMetaContext,
        Buffer.concat([counted(''), u32(1), counted('base:'), optionOf(99, Buffer.from('x'))]),
      ),
      optionOf(option.abort, Buffer.alloc(0)),
    ]),
  ],
  run: (bytes) => {
    const reader = createHandshakeReader();
    let negotiation: ReturnType<typeof startNegotiation>;
    for (const piece of pieces(bytes)) {
      reader.push(piece);
      for (let message = reader.next(); message; message = reader.next()) {
        if (message.kind === 'violation') return;
        if (message.kind === 'client-flags') {
          negotiation = startNegotiation(message.flags, bytes.length % 2 ? 'off' : 'required');
          if (!negotiation) return;
          continue;
        }
        const outcome = handleOption(negotiation!, message.option, message.data, exports);
        negotiation = outcome.negotiation;
        const replyBytes = outcome.replies.reduce((sum, reply) => sum + reply.length, 0);
        mustHold(replyBytes <= 1024, `${replyBytes} bytes of replies to one option`);
        if (outcome.next === 'start-tls') negotiation = afterTls(negotiation);
        else if (outcome.next !== 'haggle') return;
      }
    }
  },
};

const requests: FuzzTarget = {
  name: 'nbd-requests',
  corpus: [
    requestOf(command.read, commandFlag.dontFragment, 4096, 8192),
    Buffer.concat([requestOf(command.write, commandFlag.fua, 0, 64), Buffer.alloc(64, 1)]),
    Buffer.concat([requestOf(command.trim, 0, 0, 4096), requestOf(command.flush, 0, 0, 0)]),
    Buffer.concat([requestOf(command.blockStatus, commandFlag.reqOne, 0, 65536), requestOf(2, 0, 0, 0)]),
    requestOf(command.writeZeroes, commandFlag.noHole | commandFlag.fastZero, 512, 512),
    requestOf(command.cache, 0, 0, 4096),
    Buffer.concat([requestOf(command.write, 0, 0, 32 * 1024 * 1024), Buffer.alloc(200, 2)]),
  ],
  run: (bytes) => {
    const reader = createRequestReader(1024 * 1024, new BufferPool(0));
    const session = { device, structured: bytes.length % 2 === 0, contexts: [], buffers: new BufferPool(0) };
    for (const piece of pieces(bytes)) {
      reader.push(piece);
      for (let incoming = reader.next(); incoming; incoming = reader.next()) {
        if (incoming.kind === 'violation') return;
        const { request, payload } = incoming;
        mustHold((payload?.length ?? 0) <= bytes.length, 'a payload that never came');
        mustHold(
          request.type !== command.write || request.lengthBytes <= skippedMaxBytes,
          'too long a write',
        );
        if (validateRequest(session, request)) continue;
        mustHold(request.offsetBytes + request.lengthBytes <= device.sizeBytes, 'a range past the end');
        mustHold(request.type !== command.write || payload?.length === request.lengthBytes, 'no payload');
      }
    }
  },
};

const rootOf = (sizeBytes: number, parentId: string | undefined) =>
  Buffer.from(
    encodeRoot({
      snapshotId: id,
      parentId,
      volumeId: 'vol-1',
      sizeBytes,
      chunkBytes,
      createdAtMs: 1_795_000_000_000,
      uploadedBytes: 1,
      newChunkCount: 1,
      refs: [{ name, hash }],
    }),
  );

const root: FuzzTarget = {
  name: 'manifest-root',
  corpus: [rootOf(3 * chunkBytes, undefined), rootOf(chunkBytes + 1, id)],
  repair: (bytes) => {
    if (bytes.length <= 32) return bytes;
    const body = bytes.subarray(0, bytes.length - 32);
    return Buffer.concat([body, sha256(body)]);
  },
  run: (bytes) => {
    const decoded = decodeRoot(bytes, 'fuzzed');
    mustHold(decoded.refs.length <= bytes.length, 'more references than bytes');
    mustHold(Buffer.compare(encodeRoot(decoded), bytes) === 0, 'a root that is read and not written so');
  },
};

const entries = [
  undefined,
  { pack: name, offsetBytes: 16, storedBytes: chunkBytes, algorithm: 'raw' as const, hash },
  { pack: name, offsetBytes: 5000, storedBytes: 100, algorithm: 'zstd' as const, hash },
];

const leaf: FuzzTarget = {
  name: 'manifest-leaf',
  corpus: [Buffer.from(encodeLeaf(entries)), Buffer.from(encodeLeaf([undefined, undefined, undefined]))],
  run: (bytes) => {
    const decoded = decodeLeaf(bytes, 3, () => chunkBytes, 'fuzzed');
    mustHold(Buffer.compare(encodeLeaf(decoded), bytes) === 0, 'a page that is read and not written so');
  },
};

const index: FuzzTarget = {
  name: 'manifest-index',
  corpus: [Buffer.from(encodeIndex([undefined, { name, hash }]))],
  run: (bytes) => {
    const decoded = decodeIndex(bytes, 2, 'fuzzed');
    mustHold(Buffer.compare(encodeIndex(decoded), bytes) === 0, 'a page that is read and not written so');
  },
};

const hotList: FuzzTarget = {
  name: 'hot-list',
  corpus: [
    Buffer.from(encodeHotList({ snapshotId: id, chunks: [5, 6, 7, 2] })),
    Buffer.from(encodeHotList({ snapshotId: id, chunks: [] })),
  ],
  repair: root.repair,
  run: (bytes) => {
    const { chunks } = decodeHotList(bytes, { snapshotId: id, chunkCount: 1000 }, 'fuzzed');
    mustHold(new Set(chunks).size === chunks.length, 'a chunk twice');
    mustHold(
      chunks.every((chunk) => chunk < 1000),
      'a chunk that there is not',
    );
  },
};

const marks = makeMarkContext({
  volumeId: 'v',
  snapshotId: id,
  restoreId: Buffer.alloc(16, 9),
  markKey: Buffer.alloc(32, 8),
});
const treeMark = Buffer.from(encodeMark(marks, 5, 'tree'));
const passMark = Buffer.from(encodeMark(marks, 5, 'pass'));

const mark: FuzzTarget = {
  name: 'mark',
  corpus: [treeMark, passMark],
  run: (bytes) => {
    describeMark(bytes);
    const head = Buffer.alloc(Math.max(bytes.length, markBytes));
    bytes.copy(head);
    const reading = decodeMark(marks, 5, head);
    const real = head.subarray(0, markBytes);
    if (reading === 'tree' || reading === 'pass')
      mustHold(real.equals(reading === 'tree' ? treeMark : passMark), 'a forged mark');
  },
};

const descriptorText = (phase: 'starting' | 'restored') =>
  encodeDescriptor({
    frozen: {
      volumeId: 'v',
      path: '/data/v.img',
      identity: { kind: 'file', inode: '12', bornAtNs: '34' },
      snapshotId: id,
      rootHash: '00'.repeat(32),
      snapshotBytes: 8192,
      volumeBytes: 8192,
      blockBytes: 4096,
      blockCount: 2,
      arity: 4,
      restoreId: '11'.repeat(16),
      markKey: '22'.repeat(32),
    },
    moving: { phase, cursor: 1, paused: false },
  });

const descriptor: FuzzTarget = {
  name: 'descriptor',
  corpus: [Buffer.from(descriptorText('starting')), Buffer.from(descriptorText('restored'))],
  repair: (bytes) => {
    const text = bytes.toString();
    const at = text.indexOf('"descriptor":');
    if (at < 0) return bytes;
    const body = text
      .slice(at + 13)
      .trimEnd()
      .slice(0, -1);
    const sum = createHash('sha256').update(body).digest('hex');
    return Buffer.from(text.replace(/"sha256":"[^"]*"/, `"sha256":"${sum}"`));
  },
  run: (bytes) => {
    const { frozen, moving } = decodeDescriptor(bytes.toString(), 'fuzzed');
    mustHold(moving.cursor <= frozen.blockCount, 'a cursor behind the end');
  },
};

export const targets: readonly FuzzTarget[] = [
  responseHead,
  handshake,
  requests,
  root,
  leaf,
  index,
  hotList,
  mark,
  descriptor,
  ...statusTargets,
];
