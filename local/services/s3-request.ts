import type { IncomingHttpHeaders } from 'node:http';
import type { Question } from '../iam/policy.ts';
import { ServiceError, type ServiceRequest } from './service.ts';

/** A path-style request as it was understood: what it needs, and itself anew in the one form that means just that. */
export interface S3Request {
  readonly bucket: string;
  readonly questions: readonly Question[];
  /** Built from what was authorized, so that the store cannot read anything else into the request. */
  readonly canonical: Pick<ServiceRequest, 'url' | 'headers' | 'body'>;
}

/** Headers of a write that the local store would pass over in silence. */
const unsupportedWriteHeaders = [
  'if-match',
  'if-none-match',
  'x-amz-object-lock-legal-hold',
  'x-amz-object-lock-mode',
  'x-amz-tagging',
  'x-amz-website-redirect-location',
];

type Request = Pick<ServiceRequest, 'method' | 'url' | 'headers' | 'body'>;
type Ask = (action: string, key?: string) => Question;

/** Parameters that the local S3 understands; signatures and SDK hints are dropped, any other one is refused by name. */
const knownParameters = new Set([
  'attributes',
  'continuation-token',
  'delete',
  'delimiter',
  'encoding-type',
  'fetch-owner',
  'list-type',
  'marker',
  'max-keys',
  'partNumber',
  'prefix',
  'start-after',
  'uploadId',
  'uploads',
]);

/** Throws ServiceError for what is malformed and, by name, for what the local mode does not have. */
export function readS3Request(request: Request): S3Request {
  const [path = '/', search = ''] = splitOnce(request.url, '?');
  if (request.url.includes('#')) throw new ServiceError('InvalidURI', "Couldn't parse the specified URI.");
  const [bucket = '', ...keyParts] = path.slice(1).split('/').map(decode);
  const key = keyParts.join('/');
  const query = knownQuery(search);
  const notImplemented = new ServiceError(
    'NotImplemented',
    `the local mode has no ${request.method} of this kind on ${key ? 'objects' : 'buckets'}`,
    501,
  );
  if (!bucket) throw notImplemented;
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  const unsupported = unsupportedWriteHeaders.find((name) => !isRead && request.headers[name] !== undefined);
  if (unsupported)
    throw new ServiceError('NotImplemented', `the local mode has no ${unsupported} on writes to S3`, 501);
  const ask: Ask = (action, object = key) => ({
    action: `s3:${action}`,
    resource: `arn:aws:s3:::${bucket}${object ? `/${object}` : ''}`,
  });
  const understood = key ? readObjectRequest(request, query, ask) : readBucketRequest(request, query, ask);
  if (!understood) throw notImplemented;
  const keyPath = key.split('/').map(encodeURIComponent).join('/');
  return {
    bucket,
    questions: understood.questions,
    canonical: {
      url: `/${encodeURIComponent(bucket)}/${keyPath}${query.size > 0 ? `?${query}` : ''}`,
      // With a name instead of an address the store would take the bucket from it.
      headers: { ...request.headers, host: '127.0.0.1', ...understood.headers },
      body: understood.body ?? request.body,
    },
  };
}

interface Understood {
  readonly questions: Question[];
  readonly headers?: IncomingHttpHeaders;
  readonly body?: Buffer;
}

function readObjectRequest(request: Request, query: URLSearchParams, ask: Ask): Understood | undefined {
  const upload = Boolean(query.get('uploadId'));
  switch (request.method) {
    case 'HEAD':
      return { questions: [ask('GetObject')] };
    case 'GET':
      if (query.has('uploadId')) return undefined;
      return {
        questions: [ask('GetObject'), ...(query.has('attributes') ? [ask('GetObjectAttributes')] : [])],
      };
    case 'PUT':
      if (query.has('uploadId') !== query.has('partNumber')) return undefined;
      return readPut(request, ask);
    case 'POST':
      return upload || query.has('uploads') ? { questions: [ask('PutObject')] } : undefined;
    case 'DELETE':
      if (query.has('uploadId') && !upload) return undefined;
      return { questions: [ask(upload ? 'AbortMultipartUpload' : 'DeleteObject')] };
    default:
      return undefined;
  }
}

function readPut({ headers }: Request, ask: Ask): Understood {
  const source = headers['x-amz-copy-source'];
  if (source === undefined) return { questions: [ask('PutObject')] };
  const from = decode(String(source)).replace(/^\//, '');
  return {
    questions: [{ action: 's3:GetObject', resource: `arn:aws:s3:::${from}` }, ask('PutObject')],
    headers: { 'x-amz-copy-source': encodeURIComponent(from) },
  };
}

function readBucketRequest(request: Request, query: URLSearchParams, ask: Ask): Understood | undefined {
  if (request.method === 'POST' && query.has('delete')) return readDelete(request, ask);
  if (request.method === 'HEAD') return { questions: [ask('ListBucket')] };
  if (request.method !== 'GET' || query.has('uploads')) return undefined;
  const context: Record<string, string[]> = {};
  for (const name of ['prefix', 'delimiter', 'max-keys'])
    if (query.has(name)) context[`s3:${name}`] = [query.get(name) ?? ''];
  return { questions: [{ ...ask('ListBucket'), context }] };
}

/** A delete of several objects needs the right to delete each of them. */
function readDelete({ body }: Request, ask: Ask): Understood {
  const text = body.toString('utf8');
  const keys = [...text.matchAll(/<Key>([^]*?)<\/Key>/g)].map(([, key]) => unescapeXml(key ?? ''));
  // The store undoes `&amp;` first, so that these would become another key.
  if (keys.length === 0 || keys.some((key) => key === '' || /&(lt|gt|quot|apos);/.test(key)))
    throw new ServiceError('MalformedXML', 'The XML you provided was not well-formed');
  const quiet = /<Quiet>true<\/Quiet>/.test(text) ? '<Quiet>true</Quiet>' : '';
  const objects = keys.map((key) => `<Object><Key>${escapeStoreXml(key)}</Key></Object>`);
  return {
    questions: keys.map((key) => ask('DeleteObject', key)),
    headers: { 'content-type': 'application/xml' },
    body: Buffer.from(`<Delete>${quiet}${objects.join('')}</Delete>`),
  };
}

function knownQuery(search: string): URLSearchParams {
  const known = new URLSearchParams();
  for (const [name, value] of new URLSearchParams(search)) {
    if (/^(x-amz-|x-id$)/i.test(name)) continue;
    if (!knownParameters.has(name) || known.has(name))
      throw new ServiceError(
        'NotImplemented',
        `the local mode has no parameter ${name} on S3, or has it once`,
        501,
      );
    known.set(name, value);
  }
  return known;
}

function splitOnce(text: string, separator: string): [string, string] {
  const index = text.indexOf(separator);
  return index < 0 ? [text, ''] : [text.slice(0, index), text.slice(index + 1)];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ServiceError('InvalidURI', "Couldn't parse the specified URI.");
  }
}

function escapeStoreXml(value: string): string {
  const names: Record<string, string> = {
    '<': '&lt;',
    '>': '&gt;',
    '&': '&amp;',
    '"': '&quot;',
    "'": '&apos;',
  };
  return value.replace(/[<>&"']/g, (character) => names[character] ?? character);
}

function unescapeXml(value: string): string {
  const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
  return value.replace(/&(#x?[0-9a-fA-F]+|\w+);/g, (whole, name: string) => {
    if (!name.startsWith('#')) return named[name] ?? whole;
    return String.fromCodePoint(name[1] === 'x' ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1)));
  });
}
