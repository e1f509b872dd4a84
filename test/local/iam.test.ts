import { describe, expect, it } from '@jest/globals';
import { SignatureV4 } from '@smithy/signature-v4';
import { checkConditions } from '../../local/iam/conditions.ts';
import { KeyRing } from '../../local/iam/keys.ts';
import { NodeSha256 } from '../../local/iam/node-sha256.ts';
import { decide, serviceMay, type Principal, type Question } from '../../local/iam/policy.ts';
import { readClaim, verifySignature, type SignedRequest } from '../../local/iam/signature.ts';
import { policySchema } from '../../local/template/policy-document.ts';

const document = (...Statement: object[]) => policySchema.parse({ Version: '2012-10-17', Statement });
const allow = (Action: string | string[], Resource: string | string[], Condition?: object) => ({
  Effect: 'Allow',
  Action,
  Resource,
  Condition,
});
const deny = (Action: string, Resource: string) => ({ Effect: 'Deny', Action, Resource });
const roleArn = 'arn:aws:iam::1:role/R';

function principal(statements: object[], session?: object[]): Principal {
  return {
    arn: 'arn:aws:sts::1:assumed-role/R/s',
    identityArn: roleArn,
    accountId: '1',
    userId: 'AROA:s',
    policies: [document(...statements)],
    sessionPolicy: session && document(...session),
  };
}

const may = (statements: object[], question: Question, session?: object[]) =>
  decide(principal(statements, session), question).allowed;
const get = { action: 's3:GetObject', resource: 'arn:aws:s3:::b/k/1' };

describe('a decision', () => {
  it('needs an Allow that covers action and resource', () => {
    expect(may([], get)).toBe(false);
    expect(may([allow('s3:GetObject', 'arn:aws:s3:::b/*')], get)).toBe(true);
    expect(may([allow('S3:getobject', 'arn:aws:s3:::b/k/?')], get)).toBe(true);
    expect(may([allow('s3:Get*', 'arn:aws:s3:::b/k')], get)).toBe(false);
    expect(may([allow(['s3:PutObject'], '*')], get)).toBe(false);
    expect(may([allow('s3:GetObject', 'arn:aws:s3:::B/*')], get)).toBe(false);
  });

  it('is stopped by any Deny', () => {
    expect(may([allow('*', '*'), deny('s3:*', '*')], get)).toBe(false);
    expect(
      may([allow('*', '*')], { ...get, resourcePolicy: document({ ...deny('s3:*', '*'), Principal: '*' }) }),
    ).toBe(false);
    expect(may([allow('*', '*')], get, [allow('*', '*'), deny('s3:GetObject', '*')])).toBe(false);
  });

  it('knows what is all but something', () => {
    expect(may([{ Effect: 'Allow', NotAction: 's3:DeleteObject', Resource: '*' }], get)).toBe(true);
    expect(may([{ Effect: 'Allow', NotAction: 's3:Get*', Resource: '*' }], get)).toBe(false);
    expect(may([{ Effect: 'Allow', Action: '*', NotResource: 'arn:aws:s3:::b/*' }], get)).toBe(false);
  });

  it('takes the smaller of role and session', () => {
    const session = [allow('s3:GetObject', 'arn:aws:s3:::b/k/*')];
    expect(may([allow('s3:*', '*')], get, session)).toBe(true);
    expect(may([allow('s3:*', '*')], { ...get, resource: 'arn:aws:s3:::b/other' }, session)).toBe(false);
    expect(may([allow('s3:*', 'arn:aws:s3:::elsewhere/*')], get, session)).toBe(false);
  });

  it('lets a resource’s policy allow by itself, but only whom it names', () => {
    const policy = (who: object | string) => document({ ...allow('s3:GetObject', '*'), Principal: who });
    expect(may([], { ...get, resourcePolicy: policy({ AWS: roleArn }) })).toBe(true);
    expect(may([], { ...get, resourcePolicy: policy({ AWS: 'arn:aws:iam::1:role/Other' }) })).toBe(false);
    expect(may([], { ...get, resourcePolicy: policy({ Service: 'events.amazonaws.com' }) })).toBe(false);
    expect(serviceMay('events.amazonaws.com', policy({ Service: 'events.amazonaws.com' }), get)).toBe(true);
    expect(serviceMay('sns.amazonaws.com', policy({ Service: 'events.amazonaws.com' }), get)).toBe(false);
  });

  it('says in AWS’s words why not', () => {
    const decision = decide(principal([]), get);
    expect(decision).toEqual({
      allowed: false,
      message:
        'User: arn:aws:sts::1:assumed-role/R/s is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k/1 ' +
        'because no identity-based policy allows the s3:GetObject action',
    });
  });
});

describe('a condition', () => {
  const holds = (Condition: object, context: Record<string, string[]>) =>
    may([allow('s3:ListBucket', '*', Condition)], { action: 's3:ListBucket', resource: 'x', context });

  it.each([
    [{ StringEquals: { 's3:prefix': ['a', 'b'] } }, { 's3:prefix': ['b'] }, true],
    [{ StringEquals: { 's3:prefix': 'a' } }, {}, false],
    [{ StringEqualsIfExists: { 's3:prefix': 'a' } }, {}, true],
    [{ StringNotEquals: { 's3:prefix': 'a' } }, { 's3:prefix': ['a'] }, false],
    [{ StringLike: { 'S3:Prefix': 't1/*' } }, { 's3:prefix': ['t1/x'] }, true],
    [{ StringLike: { 's3:prefix': 't1/*' } }, { 's3:prefix': ['t2/x'] }, false],
    [{ ArnLike: { 'aws:SourceArn': 'arn:*:rule/x' } }, { 'aws:sourcearn': ['arn:aws:rule/x'] }, true],
    [{ Bool: { 'aws:SecureTransport': 'true' } }, {}, true],
    [{ NumericLessThan: { 's3:max-keys': '10' } }, { 's3:max-keys': ['9'] }, true],
    [{ Null: { 's3:prefix': 'true' } }, {}, true],
    [
      { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': ['a'] } },
      { 'dynamodb:leadingkeys': ['a', 'b'] },
      false,
    ],
    [
      { 'ForAnyValue:StringEquals': { 'dynamodb:LeadingKeys': ['a'] } },
      { 'dynamodb:leadingkeys': ['a', 'b'] },
      true,
    ],
    [
      { StringEquals: { 's3:prefix': 'a' }, StringLike: { 's3:delimiter': '/' } },
      { 's3:prefix': ['a'] },
      false,
    ],
  ])('%j with %j: %s', (condition, context, expected) => {
    expect(holds(condition, context as Record<string, string[]>)).toBe(expected);
  });

  it('that cannot be evaluated is refused by name', () => {
    const check = (Condition: object) => () =>
      checkConditions(document(allow('*', '*', Condition)).Statement[0] as never, 'role R');
    expect(check({ IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } })).toThrow(
      'role R: the local mode does not know the condition operator IpAddress',
    );
    expect(check({ StringEquals: { 'aws:PrincipalOrgID': 'o' } })).toThrow(
      'role R: the local mode does not know the condition key aws:PrincipalOrgID',
    );
  });
});

describe('keys', () => {
  const ring = new KeyRing(Buffer.alloc(32, 1));

  it('are the same for the same installation and other ones for another', () => {
    expect(ring.userKey('operator')).toEqual(new KeyRing(Buffer.alloc(32, 1)).userKey('operator'));
    expect(ring.userKey('operator')).not.toEqual(new KeyRing(Buffer.alloc(32, 2)).userKey('operator'));
  });

  it('seal their session: no other key, no changed claim, no other installation', () => {
    const { accessKeyId, sessionToken } = ring.openSession({ roleArn, sessionName: 's', expiresAtMs: 1 });
    expect(ring.readSession(accessKeyId, sessionToken)).toMatchObject({ roleArn, sessionName: 's' });
    expect(ring.readSession('ASIAOTHER', sessionToken)).toBeUndefined();
    const [claims = '', seal] = sessionToken.split('.');
    const forged = Buffer.from(
      Buffer.from(claims, 'base64url').toString().replace('role/R', 'role/X'),
    ).toString('base64url');
    expect(ring.readSession(accessKeyId, `${forged}.${seal}`)).toBeUndefined();
    expect(new KeyRing(Buffer.alloc(32, 2)).readSession(accessKeyId, sessionToken)).toBeUndefined();
  });
});

describe('a signature', () => {
  const credentials = { accessKeyId: 'AKIA1', secretAccessKey: 's' };
  const signedAt = new Date('2026-11-22T10:00:00Z');
  const later = (minutes: number) => new Date(signedAt.getTime() + minutes * 60_000);

  async function signed(): Promise<SignedRequest> {
    const signer = new SignatureV4({ service: 'sqs', region: 'eu-west-1', credentials, sha256: NodeSha256 });
    const request = {
      method: 'POST',
      protocol: 'http:',
      hostname: 'h',
      path: '/a b/%2F',
      query: { q: ['2', '1'], e: '' },
    };
    const { headers } = await signer.sign(
      { ...request, headers: { host: 'h', 'x-extra': ' a  b ' }, body: 'body' },
      { signingDate: signedAt },
    );
    return { method: 'POST', url: '/a b/%2F?q=1&q=2&e=', headers, body: Buffer.from('body') };
  }
  const problem = async (request: SignedRequest, now = later(1)) => {
    const claim = readClaim(request);
    return claim ? verifySignature(request, claim, credentials, now) : 'unsigned';
  };

  it('fits the request that was signed', async () => {
    expect(await problem(await signed())).toBeUndefined();
  });

  it('fits nothing else: another method, path, query, header or body', async () => {
    const request = await signed();
    const others: Partial<SignedRequest>[] = [
      { method: 'PUT' },
      { url: '/a b/%2f?q=1&q=2&e=' },
      { url: '/a b/%2F?q=1&q=2&e=&x=1' },
      { headers: { ...request.headers, 'x-extra': 'c' } },
      { headers: { ...request.headers, host: 'other' } },
      { body: Buffer.from('Body') },
    ];
    for (const other of others) expect(await problem({ ...request, ...other })).toBe('mismatch');
  });

  it('expires after 15 minutes, and does not come from the future', async () => {
    expect(await problem(await signed(), later(16))).toBe('expired');
    expect(await problem(await signed(), later(-16))).toBe('expired');
  });

  it('in a URL holds as long as the URL says', async () => {
    const signer = new SignatureV4({
      service: 's3',
      region: 'eu-west-1',
      credentials,
      sha256: NodeSha256,
      uriEscapePath: false,
    });
    const headers = { host: 'h', 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' };
    const request = { method: 'GET', protocol: 'http:', hostname: 'h', path: '/b/k', headers };
    const { query = {} } = await signer.presign(request, {
      signingDate: signedAt,
      expiresIn: 300,
      unsignableHeaders: new Set(['x-amz-content-sha256']),
    });
    const search = new URLSearchParams(query as Record<string, string>).toString();
    const presigned = { method: 'GET', url: `/b/k?${search}`, headers: { host: 'h' }, body: Buffer.alloc(0) };
    expect(await problem(presigned)).toBeUndefined();
    expect(await problem(presigned, later(6))).toBe('expired');
    expect(await problem({ ...presigned, url: presigned.url.replace('/k', '/l') })).toBe('mismatch');
    expect(await problem({ ...presigned, method: 'PUT' })).toBe('mismatch');
  });

  it('is missing, not wrong, where there is none or a malformed one', async () => {
    expect(await problem({ method: 'GET', url: '/', headers: {}, body: Buffer.alloc(0) })).toBe('unsigned');
    const authorization = 'AWS4-HMAC-SHA256 Credential=x, Signature=y';
    expect(
      await problem({ method: 'GET', url: '/', headers: { authorization }, body: Buffer.alloc(0) }),
    ).toBe('unsigned');
  });
});
