import { HoldfastError, type ErrorCode } from '../../core/errors.ts';

/** What a failure of the SDK means: whether trying again can help, and what a person is told. */
export interface S3Failure {
  transient: boolean;
  /** The credentials are not good any more; new ones may be. */
  expired: boolean;
  code: ErrorCode;
  why: string;
  hint?: string;
}

interface Row {
  names: string[];
  statuses?: number[];
  code: ErrorCode;
  transient?: boolean;
  expired?: boolean;
  hint?: string;
}

const proxyHint = 'the proxy has to let this host through: check HTTPS_PROXY and NO_PROXY';

/** First match wins; names are S3's error codes, Node's errno names and the SDK's own errors. */
const rows: Row[] = [
  { names: ['PROXY_REFUSED'], code: 'UNAVAILABLE', hint: proxyHint },
  { names: ['PROXY_UNAVAILABLE'], code: 'UNAVAILABLE', transient: true, hint: proxyHint },
  { names: ['NoSuchBucket'], code: 'NOT_FOUND', hint: 'check the bucket’s name and region' },
  {
    names: ['ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired', 'RequestExpired'],
    code: 'UNAUTHENTICATED',
    expired: true,
    hint: 'renew the AWS credentials',
  },
  {
    names: ['ERR_INVALID_URL'],
    code: 'CONFIG',
    hint: 'AWS_ENDPOINT_URL_S3 has to be a URL such as https://s3.example.com',
  },
  {
    names: ['RequestTimeTooSkewed'],
    code: 'UNAUTHENTICATED',
    hint: 'this host’s clock is wrong by more than 15 minutes: set it',
  },
  {
    names: ['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'InvalidToken', 'CredentialsProviderError'],
    code: 'UNAUTHENTICATED',
    hint: 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE to a profile that is there',
  },
  {
    names: [
      ...['PermanentRedirect', 'AuthorizationHeaderMalformed', 'IllegalLocationConstraintException'],
      'Region is missing',
    ],
    statuses: [301, 302, 307, 308],
    code: 'CONFIG',
    hint: 'set AWS_REGION to the bucket’s region',
  },
  {
    names: ['SlowDown', 'Throttling', 'ThrottlingException', 'RequestLimitExceeded', 'TooManyRequests'],
    statuses: [429, 503],
    code: 'THROTTLED',
    transient: true,
    hint: 'S3 asked to slow down; try again later',
  },
  {
    names: ['PreconditionFailed'],
    statuses: [412],
    code: 'CONFLICT',
    hint: 'something else wrote that object first; what it wrote stays as it is',
  },
  {
    names: ['NotImplemented'],
    statuses: [501],
    code: 'UNSUPPORTED',
    hint: 'what answers at AWS_ENDPOINT_URL_S3 lacks a part of S3 that is needed here',
  },
  { names: ['InvalidRange'], statuses: [416], code: 'CORRUPT' },
  { names: ['NoSuchKey', 'NotFound'], statuses: [404], code: 'NOT_FOUND' },
  {
    names: ['AccessDenied', 'AllAccessDisabled'],
    statuses: [401, 403],
    code: 'FORBIDDEN',
    hint: 'the credentials lack the permission for this object (docs/snapshot-format.md, “Permissions”)',
  },
  {
    names: [
      ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH'],
      ...[
        'ENETUNREACH',
        'TimeoutError',
        'RequestTimeout',
        'InternalError',
        'ServiceUnavailable',
        'BadDigest',
      ],
      ...[
        'ERR_STREAM_PREMATURE_CLOSE',
        'socket hang up',
        'aborted',
        'IncompleteBody',
        'XAmzContentSHA256Mismatch',
        'OperationAborted',
        'ConditionalRequestConflict',
      ],
    ],
    statuses: [408, 500, 502, 504],
    code: 'UNAVAILABLE',
    transient: true,
    hint: 'check the network and AWS_ENDPOINT_URL_S3',
  },
];

export function classifyS3Failure(error: unknown): S3Failure {
  const { names, status } = describe(error);
  const row =
    rows.find((each) => each.names.some((name) => names.includes(name))) ??
    rows.find((each) => status !== undefined && each.statuses?.includes(status)) ??
    (status !== undefined && status >= 500 ? rows.at(-1) : undefined);
  const message = error instanceof Error ? error.message : String(error);
  let why = names[0] ?? message;
  // What the SDK says then is for its own developers.
  if (message.includes('Deserialization error')) why = 'the answer is not S3’s';
  if (why.startsWith('PROXY_')) why = message;
  // It names the profile that is not there, or what else was looked for.
  if (why === 'CredentialsProviderError') why = `no credentials: ${message.slice(0, 200)}`;
  return {
    transient: row?.transient ?? false,
    expired: row?.expired ?? false,
    code: row?.code ?? 'IO',
    why:
      status === undefined || names.length > 1 || why === `HTTP ${status}` ? why : `${why}, HTTP ${status}`,
    hint: row?.hint,
  };
}

/** `action`: what was tried, as in “put s3://bucket/key”. */
export function s3Error(action: string, error: unknown): HoldfastError {
  if (error instanceof HoldfastError) return error;
  const { code, why, hint } = classifyS3Failure(error);
  return new HoldfastError(code, `${action}: ${why}`, { hint, cause: error });
}

/** What the SDK leaves of an error that it wraps without its name. */
const namesInMessages =
  /\b(E[A-Z_]{4,}|TimeoutError|socket hang up|aborted|Region is missing|CredentialsProviderError)\b/g;

/** Names from the error and its causes, outermost first: the SDK wraps Node's network errors. */
function describe(error: unknown): { names: string[]; status: number | undefined } {
  const names: string[] = [];
  let status: number | undefined;
  let current: unknown = error;
  for (let depth = 0; depth < 5 && typeof current === 'object' && current !== null; depth += 1) {
    const { name, Code, code, $metadata, cause } = current as Record<string, unknown>;
    for (const each of [Code, code, name])
      if (typeof each === 'string' && each !== 'Error' && each !== 'AggregateError') names.push(each);
    // Node's HTTP parser and TLS: a broken connection, as what speaks there is not S3, or not well.
    if (typeof code === 'string' && /^(HPE_|ERR_SSL_|EPROTO$)/.test(code)) names.push('ECONNRESET');
    const found = ($metadata as { httpStatusCode?: unknown } | undefined)?.httpStatusCode;
    if (typeof found === 'number') status ??= found;
    current = cause;
  }
  if (status === undefined && error instanceof Error)
    names.push(...(error.message.match(namesInMessages) ?? []));
  return { names, status };
}
