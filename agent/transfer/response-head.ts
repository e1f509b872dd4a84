/** More than this of headers is no answer of S3. */
export const headBytesMax = 16 * 1024;

/** What of an HTTP/1.1 answer's head says how to read what follows. */
export interface ResponseHead {
  status: number;
  /** Undefined where the body's end is marked in another way. */
  contentBytes: number | undefined;
  isChunked: boolean;
  keepsAlive: boolean;
  /** Where the body begins. */
  headBytes: number;
}

const end = Buffer.from('\r\n\r\n');

/** Undefined until all of it is there; `invalid` where it is no HTTP/1.1, contradicts itself or does not end. */
export function parseResponseHead(bytes: Buffer): ResponseHead | 'invalid' | undefined {
  const at = bytes.indexOf(end);
  if (at < 0) return bytes.length >= headBytesMax || !startsAsHttp(bytes) ? 'invalid' : undefined;
  if (at > headBytesMax) return 'invalid';
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, at).split('\r\n');
  const status = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: |$)/.exec(statusLine);
  if (!status) return 'invalid';
  const fields = new Map<string, string>();
  for (const line of lines) {
    const field = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line);
    if (!field) return 'invalid';
    const name = field[1]!.toLowerCase();
    const before = fields.get(name);
    if (name === 'content-length' && before !== undefined && before !== field[2]) return 'invalid';
    fields.set(name, field[2]!);
  }
  const length = fields.get('content-length');
  if (length !== undefined && !/^[0-9]{1,15}$/.test(length)) return 'invalid';
  const isChunked = fields.has('transfer-encoding');
  const connection = fields.get('connection')?.toLowerCase();
  return {
    status: Number(status[2]),
    contentBytes: isChunked || length === undefined ? undefined : Number(length),
    isChunked,
    keepsAlive: status[1] === '1' ? connection !== 'close' : connection === 'keep-alive',
    headBytes: at + end.length,
  };
}

const beginning = Buffer.from('HTTP/1.');
const startsAsHttp = (bytes: Buffer): boolean => {
  const length = Math.min(bytes.length, beginning.length);
  return bytes.compare(beginning, 0, length, 0, length) === 0;
};
