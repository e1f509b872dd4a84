import {
  decodeOptionHeader,
  decodeRequest,
  encodeBlockStatusChunk,
  encodeErrorChunk,
  encodeExportNameReply,
  encodeGreeting,
  encodeInfoBlockSize,
  encodeInfoExport,
  encodeInfoText,
  encodeMetaContext,
  encodeOptionReply,
  encodeReadChunk,
  encodeServer,
  encodeSimpleReply,
  errno,
  infoType,
  option,
  optionReply,
} from '../../../agent/nbd/wire.ts';

const cookie = { high: 0x01020304, low: 0xfffefdfc };
const hex = (bytes: Buffer): string => bytes.toString('hex').replace(/(.{8})(?=.)/g, '$1 ');
const bytes = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** Written out by hand from the protocol's page, not by the code under test. */
describe('NBD wire', () => {
  it('greets with both magics, fixed newstyle and no-zeroes', () => {
    expect(hex(encodeGreeting())).toBe('4e42444d 41474943 49484156 454f5054 0003');
  });

  it('decodes an option header and refuses another magic', () => {
    expect(decodeOptionHeader(bytes('49484156454f5054 00000007 00000102'))).toEqual({
      option: 7,
      lengthBytes: 258,
    });
    expect(decodeOptionHeader(bytes('49484156454f5055 00000007 00000102'))).toBeUndefined();
  });

  it('encodes replies to options', () => {
    expect(hex(encodeOptionReply(option.list, optionReply.server, encodeServer('vol', 'x')))).toBe(
      '0003e889 045565a9 00000003 00000002 00000008 00000003 766f6c78',
    );
    expect(hex(encodeOptionReply(12345, optionReply.errUnsupported))).toBe(
      '0003e889 045565a9 00003039 80000001 00000000',
    );
  });

  it('encodes what an export is', () => {
    const size = 2 ** 40 + 512;
    expect(hex(encodeInfoExport(size, 0x01ed))).toBe('00000000 01000000 020001ed');
    expect(hex(encodeInfoBlockSize(1, 4096, 33554432))).toBe('00030000 00010000 10000200 0000');
    expect(hex(encodeInfoText(infoType.description, 'é'))).toBe('0002c3a9');
    expect(hex(encodeMetaContext(2, 'base:a'))).toBe('00000002 62617365 3a61');
    expect(hex(encodeExportNameReply(size, 3, true))).toBe('00000100 00000200 0003');
    expect(hex(encodeExportNameReply(size, 3, false))).toBe(
      `00000100 00000200 0003${'0'.repeat(4)}${' 00000000'.repeat(30)} 0000`,
    );
  });

  it('decodes a request, also where its offset exceeds every safe integer', () => {
    const request = bytes('25609513 0001 0006 01020304fffefdfc 0000000200000400 00001000');
    expect(decodeRequest(request, 0)).toEqual({
      flags: 1,
      type: 6,
      cookie,
      offsetBytes: 2 ** 33 + 1024,
      lengthBytes: 4096,
    });
    const far = bytes('ff 25609513 0000 0000 0000000000000000 ffffffffffffffff 00000001');
    expect(decodeRequest(far, 1)!.offsetBytes).toBeGreaterThan(Number.MAX_SAFE_INTEGER);
    expect(
      decodeRequest(bytes('25609514 0000 0000 0000000000000000 0000000000000000 00000001'), 0),
    ).toBeUndefined();
  });

  it('encodes replies to requests', () => {
    const simple = Buffer.alloc(16);
    encodeSimpleReply(simple, cookie, errno.ENOSPC);
    expect(hex(simple)).toBe('67446698 0000001c 01020304 fffefdfc');
    const chunk = Buffer.alloc(28);
    encodeReadChunk(chunk, cookie, 2 ** 33 + 1024, 512);
    expect(hex(chunk)).toBe('668e33ef 00010001 01020304 fffefdfc 00000208 00000002 00000400');
    expect(hex(encodeErrorChunk(cookie, errno.EIO, 'no'))).toBe(
      '668e33ef 00018001 01020304 fffefdfc 00000008 00000005 00026e6f',
    );
    const extents = [
      { lengthBytes: 4096, flags: 3 },
      { lengthBytes: 512, flags: 0 },
    ];
    expect(hex(encodeBlockStatusChunk(cookie, 2, extents, false))).toBe(
      '668e33ef 00000005 01020304 fffefdfc 00000014 00000002 00001000 00000003 00000200 00000000',
    );
  });

  it('cuts the text of an error', () => {
    expect(encodeErrorChunk(cookie, errno.EIO, 'x'.repeat(100_000))).toHaveLength(26 + 256);
  });
});
