import type { NbdExport } from '../../../agent/nbd/exports.ts';
import { afterTls, handleOption, startNegotiation, type Negotiation } from '../../../agent/nbd/handshake.ts';
import { option, optionReply } from '../../../agent/nbd/wire.ts';
import { memoryDevice } from './memory-device.ts';

const data: NbdExport = { name: 'data', description: 'the data', device: memoryDevice(65536) };
const plain: NbdExport = { name: 'plain', device: memoryDevice(4096, { bare: true, readOnly: true }) };
const both = () => [data, plain];
const fresh = (): Negotiation => startNegotiation(3, 'off')!;

const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const counted = (text: string | Buffer): Buffer =>
  Buffer.concat([u32(Buffer.from(text).length), Buffer.from(text)]);
const goData = (name: string, ...infos: number[]): Buffer =>
  Buffer.concat([counted(name), u16(infos.length), ...infos.map(u16)]);
const metaData = (name: string, ...queries: string[]): Buffer =>
  Buffer.concat([counted(name), u32(queries.length), ...queries.map(counted)]);

function ask(negotiation: Negotiation, code: number, bytes: Buffer = Buffer.alloc(0), exports = both) {
  const outcome = handleOption(negotiation, code, bytes, exports);
  const replies = outcome.replies.map((reply) => ({
    type: reply.readUInt32BE(12),
    data: reply.subarray(20),
  }));
  return { ...outcome, replies, types: replies.map(({ type }) => type) };
}

describe('NBD option haggling', () => {
  it('refuses client flags that it does not know', () => {
    expect(startNegotiation(4, 'off')).toBeUndefined();
    expect(startNegotiation(1, 'off')).toMatchObject({ noZeroes: false });
  });

  it('lists exports with their descriptions', () => {
    const { replies } = ask(fresh(), option.list);
    expect(replies.map((r) => r.data.subarray(r.type === optionReply.server ? 4 : 0).toString())).toEqual([
      'datathe data',
      'plain',
      '',
    ]);
    expect(ask(fresh(), option.list, Buffer.from('x')).types).toEqual([optionReply.errInvalid]);
  });

  it('answers INFO without choosing and GO with the choice', () => {
    const info = ask(fresh(), option.info, goData('data', 1, 2, 3, 99));
    expect(info.next).toBe('haggle');
    expect(info.replies.map((r) => r.data.toString('latin1', 2))).toEqual([
      expect.any(String),
      expect.any(String),
      'data',
      'the data',
      '',
    ]);
    expect(ask(fresh(), option.go, goData('plain'))).toMatchObject({ next: 'transmit', chosen: plain });
  });

  it('knows a lone export under the empty name, and none of several', () => {
    expect(ask(fresh(), option.go, goData(''), () => [data])).toMatchObject({ chosen: data });
    expect(ask(fresh(), option.go, goData('')).types).toEqual([optionReply.errUnknown]);
    expect(ask(fresh(), option.go, goData('nope')).types).toEqual([optionReply.errUnknown]);
    expect(ask(fresh(), option.exportName, Buffer.from('nope'))).toMatchObject({ next: 'close', types: [] });
  });

  it('offers DF only with structured replies, and writing only where the device takes it', () => {
    const flags = (negotiation: Negotiation, name: string): number =>
      ask(negotiation, option.go, goData(name)).replies[0]!.data.readUInt16BE(10);
    const structured = ask(fresh(), option.structuredReply).negotiation;
    expect(flags(fresh(), 'data').toString(2)).toBe('110101101101');
    expect(flags(structured, 'data').toString(2)).toBe('110111101101');
    expect(flags(structured, 'plain').toString(2)).toBe('110000111');
  });

  it.each([
    ['a name longer than the option', Buffer.concat([u32(0xffffffff), Buffer.from('data')])],
    ['kinds that are missing', Buffer.concat([counted('data'), u16(2), u16(1)])],
    ['bytes behind the kinds', Buffer.concat([goData('data'), Buffer.from([0])])],
    ['a name that is not UTF-8', goData('').fill(0) && Buffer.concat([counted(Buffer.from([0xff])), u16(0)])],
    ['a NUL in the name', goData('da\0ta')],
    ['nothing', Buffer.alloc(0)],
  ])('refuses a GO with %s', (_what, bytes) => {
    expect(ask(fresh(), option.go, bytes)).toMatchObject({ next: 'haggle', types: [optionReply.errInvalid] });
  });

  it('sets contexts by exact name and lists them by namespace', () => {
    const structured = ask(fresh(), option.structuredReply).negotiation;
    const names = (code: number, ...queries: string[]) =>
      ask(structured, code, metaData('data', ...queries))
        .replies.filter((r) => r.type === optionReply.metaContext)
        .map((r) => `${r.data.readUInt32BE(0)} ${r.data.toString('utf8', 4)}`);
    expect(names(option.listMetaContext)).toEqual(['0 base:allocation', '0 holdfast:restore']);
    expect(names(option.listMetaContext, 'holdfast:')).toEqual(['0 holdfast:restore']);
    expect(names(option.setMetaContext, 'holdfast:restore', 'qemu:dirty')).toEqual(['2 holdfast:restore']);
    expect(names(option.setMetaContext, 'base:')).toEqual([]);
    expect(names(option.setMetaContext)).toEqual([]);
  });

  it('refuses contexts before structured replies and with malformed queries', () => {
    expect(ask(fresh(), option.setMetaContext, metaData('data', 'base:allocation')).types).toEqual([
      optionReply.errInvalid,
    ]);
    const structured = ask(fresh(), option.structuredReply).negotiation;
    const tooFew = Buffer.concat([counted('data'), u32(0xffffffff), counted('base:allocation')]);
    expect(ask(structured, option.setMetaContext, tooFew).types).toEqual([optionReply.errInvalid]);
    const tooMany = Buffer.concat([counted('data'), u32(0), counted('base:allocation')]);
    expect(ask(structured, option.setMetaContext, tooMany).types).toEqual([optionReply.errInvalid]);
  });

  it('forgets contexts that were set for another export', () => {
    const structured = ask(fresh(), option.structuredReply).negotiation;
    const set = ask(structured, option.setMetaContext, metaData('data', 'base:allocation')).negotiation;
    expect(ask(set, option.go, goData('data')).negotiation.contexts).toHaveLength(1);
    expect(ask(set, option.go, goData('plain')).negotiation.contexts).toHaveLength(0);
    const failed = ask(set, option.setMetaContext, metaData('nope', 'base:allocation')).negotiation;
    expect(ask(failed, option.go, goData('data')).negotiation.contexts).toHaveLength(0);
  });

  it('answers an unknown option with unsupported and goes on', () => {
    expect(ask(fresh(), 11)).toMatchObject({ next: 'haggle', types: [optionReply.errUnsupported] });
    expect(ask(fresh(), option.startTls).types).toEqual([optionReply.errUnsupported]);
  });

  it('answers nothing but STARTTLS and ABORT where TLS is required', () => {
    const required = startNegotiation(3, 'required')!;
    expect(ask(required, option.list).types).toEqual([optionReply.errTlsRequired]);
    expect(ask(required, option.go, goData('data')).types).toEqual([optionReply.errTlsRequired]);
    expect(ask(required, option.exportName, Buffer.from('data'))).toMatchObject({ next: 'close', types: [] });
    expect(ask(required, option.abort)).toMatchObject({ next: 'close', types: [optionReply.ack] });
    expect(ask(required, option.startTls)).toMatchObject({ next: 'start-tls', types: [optionReply.ack] });
  });

  it('carries nothing that was agreed in the clear into TLS', () => {
    const agreed: Negotiation = {
      ...fresh(),
      structured: true,
      contexts: [{ id: 1, name: 'base:allocation' }],
    };
    expect(afterTls(agreed)).toMatchObject({ structured: false, contexts: [], tls: 'on' });
    expect(ask(afterTls(agreed), option.startTls).types).toEqual([optionReply.errInvalid]);
  });
});
