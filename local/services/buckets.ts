import type { Question } from '../iam/policy.ts';
import type { Region } from '../region.ts';
import type { MessageStores } from './fauxqs.ts';
import { replay } from './front.ts';
import { ServiceError, type Service, type ServiceRequest } from './service.ts';

export function s3Service(region: Region, stores: MessageStores): Service {
  return {
    signingName: 's3',
    protocol: 's3',
    parse: (request) => {
      const { bucket, questions } = readS3Request(request);
      const owner = region.ownerOf('AWS::S3::Bucket', bucket);
      if (!owner) throw new ServiceError('NoSuchBucket', 'The specified bucket does not exist', 404);
      return {
        owner,
        questions: questions.map((question) => ({
          ...question,
          resourcePolicy: region.resourcePolicies.get(bucketOf(question.resource)),
        })),
        serve: (response) => replay(request, response, stores.server),
      };
    },
  };
}

/** `arn:aws:s3:::bucket/key` → `arn:aws:s3:::bucket` */
function bucketOf(resource: string): string {
  return resource.split('/', 1)[0] ?? resource;
}

/** What a path-style request does, in IAM's terms. Throws NotImplemented for what the local mode does not have. */
export function readS3Request(request: Pick<ServiceRequest, 'method' | 'url' | 'headers' | 'body'>): {
  bucket: string;
  questions: Question[];
} {
  const [path = '/', search = ''] = request.url.split('?');
  const [bucket = '', ...keyParts] = path.slice(1).split('/').map(decodeURIComponent);
  const key = keyParts.join('/');
  const query = new URLSearchParams(search);
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  if (!bucket) throw new ServiceError('NotImplemented', 'the local mode does not list buckets', 501);
  const ask = (action: string, resource = key): Question => ({
    action: `s3:${action}`,
    resource: `arn:aws:s3:::${bucket}${resource ? `/${resource}` : ''}`,
  });
  const questions = key
    ? objectQuestions(request, method, query, ask)
    : bucketQuestions(request, method, query, ask);
  if (!questions)
    throw new ServiceError('NotImplemented', `the local mode has no ${request.method} ${request.url}`, 501);
  return { bucket, questions };
}

type Ask = (action: string, resource?: string) => Question;
type Request = Pick<ServiceRequest, 'method' | 'url' | 'headers' | 'body'>;

function objectQuestions(
  request: Request,
  method: string,
  query: URLSearchParams,
  ask: Ask,
): Question[] | undefined {
  const upload = query.has('uploadId');
  if (method === 'GET') {
    if (upload) return [ask('ListMultipartUploadParts')];
    if (query.has('attributes')) return [ask('GetObject'), ask('GetObjectAttributes')];
    return [ask('GetObject')];
  }
  if (method === 'PUT') {
    if (query.has('tagging') || query.has('acl') || query.has('retention') || query.has('renameObject'))
      return undefined;
    const source = request.headers['x-amz-copy-source'];
    if (typeof source !== 'string') return [ask('PutObject')];
    const from = decodeURIComponent(source.replace(/^\//, '').split('?')[0] ?? '');
    return [{ action: 's3:GetObject', resource: `arn:aws:s3:::${from}` }, ask('PutObject')];
  }
  if (method === 'POST' && (upload || query.has('uploads'))) return [ask('PutObject')];
  if (method === 'DELETE') return [ask(upload ? 'AbortMultipartUpload' : 'DeleteObject')];
  return undefined;
}

function bucketQuestions(
  request: Request,
  method: string,
  query: URLSearchParams,
  ask: Ask,
): Question[] | undefined {
  if (method === 'POST' && query.has('delete')) {
    const keys = [...request.body.toString('utf8').matchAll(/<Key>([^]*?)<\/Key>/g)].map(([, key]) =>
      unescapeXml(key ?? ''),
    );
    return keys.map((key) => ask('DeleteObject', key));
  }
  if (method !== 'GET') return undefined;
  if (query.has('uploads')) return [ask('ListBucketMultipartUploads')];
  if ([...query.keys()].some((name) => subResources.has(name))) return undefined;
  const context: Record<string, string[]> = {};
  for (const name of ['prefix', 'delimiter', 'max-keys'])
    if (query.has(name)) context[`s3:${name}`] = [query.get(name) ?? ''];
  return [{ ...ask('ListBucket'), context }];
}

/** Settings of a bucket: the template's matter, not a caller's. */
const subResources = new Set([
  'versioning',
  'policy',
  'lifecycle',
  'acl',
  'tagging',
  'encryption',
  'location',
  'versions',
  'cors',
]);

function unescapeXml(value: string): string {
  const named: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
  return value.replace(/&(#x?[0-9a-fA-F]+|\w+);/g, (whole, name: string) => {
    if (!name.startsWith('#')) return named[name] ?? whole;
    return String.fromCodePoint(name[1] === 'x' ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1)));
  });
}
