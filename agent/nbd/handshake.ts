import {
  findExport,
  metaContextsOf,
  requestMaxBytes,
  transmissionFlagsOf,
  type ListExports,
  type MetaContext,
  type NbdExport,
} from './exports.ts';
import {
  encodeExportNameReply,
  encodeInfoBlockSize,
  encodeInfoExport,
  encodeInfoText,
  encodeMetaContext,
  encodeOptionReply,
  encodeServer,
  handshakeFlag,
  infoType,
  option,
  optionReply,
} from './wire.ts';
import { readMetaQuery, readInfoRequest, readName } from './options.ts';

/** What a client and this server have agreed on so far. */
export interface Negotiation {
  noZeroes: boolean;
  structured: boolean;
  /** Contexts that block status answers for, and the export that they were asked for. */
  contexts: readonly MetaContext[];
  contextsExport: NbdExport | undefined;
  /** 'off': this server has no certificate; 'required': nothing but STARTTLS and ABORT is answered before it. */
  tls: 'off' | 'required' | 'on';
}

export interface OptionOutcome {
  negotiation: Negotiation;
  replies: Buffer[];
  next: 'haggle' | 'transmit' | 'start-tls' | 'close';
  /** Set where `next` is 'transmit'. */
  chosen?: NbdExport;
}

/** Undefined where the client sets a flag that we do not know, which the protocol answers with a closed connection. */
export function startNegotiation(clientFlags: number, tls: 'off' | 'required'): Negotiation | undefined {
  if ((clientFlags & ~(handshakeFlag.fixedNewstyle | handshakeFlag.noZeroes)) !== 0) return undefined;
  const noZeroes = (clientFlags & handshakeFlag.noZeroes) !== 0;
  return { noZeroes, structured: false, contexts: [], contextsExport: undefined, tls };
}

/** What was agreed in the clear does not hold once the connection is encrypted. */
export function afterTls(negotiation: Negotiation): Negotiation {
  return { ...negotiation, structured: false, contexts: [], contextsExport: undefined, tls: 'on' };
}

/** One option of the client: what to answer and what comes next. Pure but for asking which exports there are. */
export function handleOption(
  negotiation: Negotiation,
  code: number,
  data: Buffer,
  exports: ListExports,
): OptionOutcome {
  const answer = (type: number, text = ''): OptionOutcome => ({
    negotiation,
    replies: [encodeOptionReply(code, type, Buffer.from(text))],
    next: 'haggle',
  });
  if (code === option.abort) return { ...answer(optionReply.ack), next: 'close' };
  if (negotiation.tls === 'required' && code !== option.startTls) {
    if (code === option.exportName) return { negotiation, replies: [], next: 'close' };
    return answer(optionReply.errTlsRequired, 'this server requires TLS');
  }
  switch (code) {
    case option.exportName:
      return chooseByExportName(negotiation, data, exports);
    case option.list:
      if (data.length > 0) return answer(optionReply.errInvalid, 'LIST takes no data');
      return listExports(negotiation, exports);
    case option.startTls:
      if (negotiation.tls === 'off') return answer(optionReply.errUnsupported, 'no TLS on this server');
      if (negotiation.tls === 'on' || data.length > 0) return answer(optionReply.errInvalid);
      return { ...answer(optionReply.ack), next: 'start-tls' };
    case option.info:
    case option.go:
      return informOrGo(negotiation, code, data, exports);
    case option.structuredReply:
      if (data.length > 0) return answer(optionReply.errInvalid, 'STRUCTURED_REPLY takes no data');
      return { ...answer(optionReply.ack), negotiation: { ...negotiation, structured: true } };
    case option.listMetaContext:
    case option.setMetaContext:
      return metaContext(negotiation, code, data, exports);
    default:
      return answer(optionReply.errUnsupported);
  }
}

function chooseByExportName(negotiation: Negotiation, data: Buffer, exports: ListExports): OptionOutcome {
  const name = readName(data);
  const chosen = name === undefined ? undefined : findExport(exports, name);
  if (!chosen) return { negotiation, replies: [], next: 'close' }; // this option has no error reply
  const flags = transmissionFlagsOf(chosen.device, negotiation.structured);
  const replies = [encodeExportNameReply(chosen.device.sizeBytes, flags, negotiation.noZeroes)];
  return { negotiation: keepContextsOf(negotiation, chosen), replies, next: 'transmit', chosen };
}

function listExports(negotiation: Negotiation, exports: ListExports): OptionOutcome {
  const replies = [...exports()].map(({ name, description }) =>
    encodeOptionReply(option.list, optionReply.server, encodeServer(name, description ?? '')),
  );
  replies.push(encodeOptionReply(option.list, optionReply.ack));
  return { negotiation, replies, next: 'haggle' };
}

function informOrGo(
  negotiation: Negotiation,
  code: number,
  data: Buffer,
  exports: ListExports,
): OptionOutcome {
  const fail = (type: number, text: string): OptionOutcome => ({
    negotiation,
    replies: [encodeOptionReply(code, type, Buffer.from(text))],
    next: 'haggle',
  });
  const asked = readInfoRequest(data);
  if (!asked) return fail(optionReply.errInvalid, 'malformed option');
  const chosen = findExport(exports, asked.name);
  if (!chosen) return fail(optionReply.errUnknown, `no export '${asked.name.slice(0, 256)}'`);
  const { device } = chosen;
  const { minBytes, preferredBytes } = device.blockSize;
  const infos = [
    encodeInfoExport(device.sizeBytes, transmissionFlagsOf(device, negotiation.structured)),
    encodeInfoBlockSize(minBytes, preferredBytes, requestMaxBytes(device)),
  ];
  if (asked.infos.has(infoType.name)) infos.push(encodeInfoText(infoType.name, chosen.name));
  if (asked.infos.has(infoType.description) && chosen.description !== undefined) {
    infos.push(encodeInfoText(infoType.description, chosen.description));
  }
  const replies = infos.map((info) => encodeOptionReply(code, optionReply.info, info));
  replies.push(encodeOptionReply(code, optionReply.ack));
  if (code === option.info) return { negotiation, replies, next: 'haggle' };
  return { negotiation: keepContextsOf(negotiation, chosen), replies, next: 'transmit', chosen };
}

/** Contexts that were set for another export do not hold for this one. */
function keepContextsOf(negotiation: Negotiation, chosen: NbdExport): Negotiation {
  if (negotiation.contextsExport?.device === chosen.device) return negotiation;
  return { ...negotiation, contexts: [], contextsExport: undefined };
}

function metaContext(
  negotiation: Negotiation,
  code: number,
  data: Buffer,
  exports: ListExports,
): OptionOutcome {
  const fail = (type: number, text: string): OptionOutcome => ({
    // A failed SET leaves no context set.
    negotiation: code === option.setMetaContext ? { ...negotiation, contexts: [] } : negotiation,
    replies: [encodeOptionReply(code, type, Buffer.from(text))],
    next: 'haggle',
  });
  if (!negotiation.structured) return fail(optionReply.errInvalid, 'ask for structured replies first');
  const asked = readMetaQuery(data);
  if (!asked) return fail(optionReply.errInvalid, 'malformed option');
  const chosen = findExport(exports, asked.name);
  if (!chosen) return fail(optionReply.errUnknown, `no export '${asked.name.slice(0, 256)}'`);
  const set = code === option.setMetaContext;
  const contexts = metaContextsOf(chosen.device).filter(({ name }) => matches(name, asked.queries, set));
  const replies = contexts.map(({ id, name }) =>
    encodeOptionReply(code, optionReply.metaContext, encodeMetaContext(set ? id : 0, name)),
  );
  replies.push(encodeOptionReply(code, optionReply.ack));
  return {
    negotiation: set ? { ...negotiation, contexts, contextsExport: chosen } : negotiation,
    replies,
    next: 'haggle',
  };
}

/** LIST without queries lists all, and with 'base:' all of that namespace; SET takes exact names only. */
function matches(name: string, queries: readonly string[], set: boolean): boolean {
  if (queries.includes(name)) return true;
  if (set) return false;
  return queries.length === 0 || queries.includes(name.slice(0, name.indexOf(':') + 1));
}
