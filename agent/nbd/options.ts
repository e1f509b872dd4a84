import { stringMaxBytes } from './wire.ts';

/**
 * Readers for the data of options. Each returns undefined for data that is not exactly what the protocol says;
 * none trusts a length that the data itself states.
 */

const utf8 = new TextDecoder('utf-8', { fatal: true });

export function readName(bytes: Buffer): string | undefined {
  if (bytes.length > stringMaxBytes || bytes.includes(0)) return undefined;
  try {
    return utf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Data of INFO and GO: name length, name, number of kinds, kinds. */
export function readInfoRequest(data: Buffer): { name: string; infos: Set<number> } | undefined {
  const head = readCountedName(data, 0);
  if (!head || data.length < head.end + 2) return undefined;
  const infos = data.readUInt16BE(head.end);
  if (data.length !== head.end + 2 + 2 * infos) return undefined;
  const kinds = new Set<number>();
  for (let i = 0; i < infos; i++) kinds.add(data.readUInt16BE(head.end + 2 + 2 * i));
  return { name: head.name, infos: kinds };
}

/** Data of LIST_META_CONTEXT and SET_META_CONTEXT: export name, number of queries, queries. */
export function readMetaQuery(data: Buffer): { name: string; queries: string[] } | undefined {
  const head = readCountedName(data, 0);
  if (!head || data.length < head.end + 4) return undefined;
  const count = data.readUInt32BE(head.end);
  const queries: string[] = [];
  let at = head.end + 4;
  while (at < data.length && queries.length < count) {
    const query = readCountedName(data, at);
    if (!query) return undefined;
    queries.push(query.name);
    at = query.end;
  }
  return at === data.length && queries.length === count ? { name: head.name, queries } : undefined;
}

function readCountedName(data: Buffer, at: number): { name: string; end: number } | undefined {
  if (data.length < at + 4) return undefined;
  const end = at + 4 + data.readUInt32BE(at);
  if (end > data.length) return undefined;
  const name = readName(data.subarray(at + 4, end));
  return name === undefined ? undefined : { name, end };
}
