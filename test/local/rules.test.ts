import { describe, expect, it } from '@jest/globals';
import { checkPattern, matchesPattern } from '../../local/events/pattern.ts';
import { parseCron, rateMs } from '../../local/events/schedule.ts';
import type { Route } from '../../local/gateway/api-model.ts';
import { FrameScanner } from '../../local/gateway/frame-scanner.ts';
import { matchRoute } from '../../local/gateway/http-routes.ts';
import { readS3Request } from '../../local/services/s3-request.ts';

describe('an event pattern', () => {
  const event = {
    source: 'holdfast',
    detail: { state: 'raised', level: 5, tags: ['a', 'b'], nested: { none: null } },
  };

  it.each([
    [{ source: ['holdfast', 'other'] }, true],
    [{ source: ['other'] }, false],
    [{ detail: { state: ['raised'] }, source: [{ prefix: 'hold' }] }, true],
    [{ detail: { state: [{ prefix: 'clear' }] } }, false],
    [{ detail: { state: [{ suffix: 'sed' }] } }, true],
    [{ detail: { state: [{ 'anything-but': 'raised' }] } }, false],
    [{ detail: { state: [{ 'anything-but': ['cleared', 'other'] }] } }, true],
    [{ detail: { state: [{ 'anything-but': { prefix: 'ra' } }] } }, false],
    [{ detail: { missing: [{ 'anything-but': 'x' }] } }, false],
    [{ detail: { level: [{ numeric: ['>', 4, '<=', 5] }] } }, true],
    [{ detail: { level: [{ numeric: ['=', 4] }] } }, false],
    [{ detail: { state: [{ numeric: ['>', 0] }] } }, false],
    [{ detail: { missing: [{ exists: false }] } }, true],
    [{ detail: { state: [{ exists: false }] } }, false],
    [{ detail: { level: [{ exists: true }] } }, true],
    [{ detail: { tags: ['b'] } }, true],
    [{ detail: { tags: ['c'] } }, false],
    [{ detail: { nested: { none: [null] } } }, true],
    [{ detail: { state: [{ 'equals-ignore-case': 'RAISED' }] } }, true],
    [{ detail: { level: ['5'] } }, false],
  ])('%j: %s', (pattern, expected) => {
    checkPattern(pattern, 'rule R');
    expect(matchesPattern(pattern, event)).toBe(expected);
  });

  it.each([
    [{ source: [{ wildcard: 'a*' }] }, /rule R: .* wildcard/],
    [{ source: [{ cidr: '10.0.0.0/8' }] }, /cidr/],
    [{ $or: [{ source: ['a'] }] }, /\$or/],
    [{ source: [{ 'anything-but': { wildcard: 'a*' } }] }, /anything-but wildcard/],
    [{ source: 'a' }, /"a"/],
  ])('%j is refused by name', (pattern, message) => {
    expect(() => checkPattern(pattern, 'rule R')).toThrow(message);
  });
});

describe('a schedule', () => {
  it.each([
    ['rate(1 minute)', 60_000],
    ['rate(5 minutes)', 300_000],
    ['rate(2 hours)', 7_200_000],
    ['rate(1 day)', 86_400_000],
    ['cron(0 12 * * ? *)', undefined],
  ])('%s is every %s ms', (expression, expected) => {
    expect(rateMs(expression)).toBe(expected);
  });

  it.each([
    ['cron(15 10 ? * 6L 2026-2030)', '2026-11-22T00:00:00Z', '2026-11-27T10:15:00.000Z'],
    ['cron(0 18 ? * MON-FRI *)', '2026-11-21T00:00:00Z', '2026-11-23T18:00:00.000Z'],
    ['cron(0/10 * ? * 1 *)', '2026-11-21T00:00:00Z', '2026-11-22T00:00:00.000Z'],
    ['cron(0 8 1 * ? *)', '2026-11-22T00:00:00Z', '2026-12-01T08:00:00.000Z'],
  ])('%s after %s is %s', (expression, from, expected) => {
    expect(parseCron(expression, 'rule R').nextRun(from)?.toISOString()).toBe(expected);
  });

  it.each([
    'cron(* * * * * *)',
    'cron(0 12 * * ?)',
    'rate(0.5 minutes)',
    'at(2026-01-01)',
    'cron(99 * * * ? *)',
  ])('%s is refused', (expression) => {
    expect(() => parseCron(expression, 'rule R')).toThrow(/rule R/);
  });
});

describe('a route of an HTTP API', () => {
  const routes = [
    '$default',
    'GET /a',
    'ANY /a',
    'GET /a/{id}',
    'GET /a/{id}/b',
    'GET /a/fixed/b',
    'ANY /a/{rest+}',
    'GET /',
  ].map((routeKey) => ({ routeKey }) as Route);

  it.each([
    ['GET', '/a', 'GET /a', {}],
    ['PUT', '/a', 'ANY /a', {}],
    ['GET', '/a/1', 'GET /a/{id}', { id: '1' }],
    ['GET', '/a/%C3%BC', 'GET /a/{id}', { id: 'ü' }],
    ['GET', '/a/1/b', 'GET /a/{id}/b', { id: '1' }],
    ['GET', '/a/fixed/b', 'GET /a/fixed/b', {}],
    ['GET', '/a/1/c/d', 'ANY /a/{rest+}', { rest: '1/c/d' }],
    ['POST', '/a/1', 'ANY /a/{rest+}', { rest: '1' }],
    ['GET', '/', 'GET /', {}],
    ['GET', '/b', '$default', {}],
  ])('%s %s goes to %s', (method, path, routeKey, pathParameters) => {
    expect(matchRoute(routes, method, path)).toMatchObject({ route: { routeKey }, pathParameters });
  });

  it('is missing where none fits and there is no default', () => {
    expect(matchRoute([{ routeKey: 'GET /a' } as Route], 'GET', '/a/b')).toBeUndefined();
    expect(matchRoute([{ routeKey: 'GET /a/{id}' } as Route], 'GET', '/a/')).toBeUndefined();
  });
});

describe('a frame scanner', () => {
  const frame = (length: number, masked: boolean) => {
    const mask = masked ? 0x80 : 0;
    const header =
      length < 126
        ? [0x81, mask | length]
        : length < 65_536
          ? [0x81, mask | 126, length >> 8, length & 255]
          : [0x81, mask | 127, 0, 0, 0, 0, 0, length >> 16, (length >> 8) & 255, length & 255];
    return Buffer.concat([
      Buffer.from([...header, ...(masked ? [1, 2, 3, 4] : [])]),
      Buffer.alloc(length, 0xff),
    ]);
  };

  it('reads the length of every frame however the bytes arrive', () => {
    const lengths = [0, 1, 125, 126, 40_000, 65_536, 3];
    const stream = Buffer.concat(lengths.map((length, index) => frame(length, index % 2 === 0)));
    for (const size of [1, 2, 7, 1000, stream.length]) {
      const seen: number[] = [];
      const scanner = new FrameScanner((length) => seen.push(length));
      for (let offset = 0; offset < stream.length; offset += size)
        scanner.push(stream.subarray(offset, offset + size));
      expect(seen).toEqual(lengths);
    }
  });

  it('knows a length before the payload is there', () => {
    const seen: number[] = [];
    new FrameScanner((length) => seen.push(length)).push(frame(65_536, true).subarray(0, 14));
    expect(seen).toEqual([65_536]);
  });
});

describe('what a request to S3 does', () => {
  const actions = (method: string, url: string, headers = {}, body = '') =>
    readS3Request({ method, url, headers, body: Buffer.from(body) }).questions.map(
      ({ action, resource }) => `${action} ${resource}`,
    );

  it.each([
    ['GET', '/b/k/1', ['s3:GetObject arn:aws:s3:::b/k/1']],
    ['HEAD', '/b/k%20x', ['s3:GetObject arn:aws:s3:::b/k x']],
    ['PUT', '/b/k?partNumber=1&uploadId=u', ['s3:PutObject arn:aws:s3:::b/k']],
    ['POST', '/b/k?uploads', ['s3:PutObject arn:aws:s3:::b/k']],
    ['DELETE', '/b/k?uploadId=u', ['s3:AbortMultipartUpload arn:aws:s3:::b/k']],
    ['DELETE', '/b/k', ['s3:DeleteObject arn:aws:s3:::b/k']],
    ['GET', '/b?list-type=2&prefix=p', ['s3:ListBucket arn:aws:s3:::b']],
    ['HEAD', '/b', ['s3:ListBucket arn:aws:s3:::b']],
  ])('%s %s', (method, url, expected) => {
    expect(actions(method, url)).toEqual(expected);
  });

  it('is every key of a multi-object delete, and both ends of a copy', () => {
    const body = '<Delete><Object><Key>a&amp;b</Key></Object><Object><Key>c</Key></Object></Delete>';
    expect(actions('POST', '/b/?delete', {}, body)).toEqual([
      's3:DeleteObject arn:aws:s3:::b/a&b',
      's3:DeleteObject arn:aws:s3:::b/c',
    ]);
    expect(actions('PUT', '/b/k', { 'x-amz-copy-source': '/from/x%20y' })).toEqual([
      's3:GetObject arn:aws:s3:::from/x y',
      's3:PutObject arn:aws:s3:::b/k',
    ]);
  });

  it.each([
    ['PUT', '/b'],
    ['DELETE', '/b'],
    ['GET', '/b?policy'],
    ['GET', '/b/?uploads'],
    ['PUT', '/b/k?acl'],
    ['GET', '/b/k?versionId=1'],
    ['GET', '/b/k?uploadId=u'],
    ['DELETE', '/b/k?uploadId='],
    ['POST', '/b/k?uploadId='],
    ['PUT', '/b/k?uploadId=u'],
    ['GET', '/b?prefix=mine&prefix=theirs'],
    ['GET', '/'],
  ])('%s %s is not taken', (method, url) => {
    expect(() => actions(method, url)).toThrow(/the local mode has no/);
  });

  it('is not a write on a condition that the store would pass over', () => {
    expect(() => actions('PUT', '/b/k', { 'if-none-match': '*' })).toThrow(/no if-none-match on writes/);
    expect(actions('GET', '/b/k', { 'if-none-match': '"x"' })).toHaveLength(1);
  });

  it.each(['/b/%', '/b/k#x', '/b/%ff'])('%s is no address', (url) => {
    expect(() => actions('GET', url)).toThrow(/parse the specified URI/);
  });

  it('reaches the store in one form, whatever else it said', () => {
    const { canonical } = readS3Request({
      method: 'GET',
      url: '/b/%6bey/../x?X-Amz-Signature=s&x-id=GetObject',
      headers: { host: 'other-bucket.localhost', range: 'bytes=0-1' },
      body: Buffer.alloc(0),
    });
    expect(canonical).toMatchObject({
      url: '/b/key/../x',
      headers: { host: '127.0.0.1', range: 'bytes=0-1' },
    });
    const form = { 'content-type': 'multipart/form-data; boundary=x' };
    const deletion = readS3Request({
      method: 'POST',
      url: '/b?delete',
      headers: form,
      body: Buffer.from('<Delete><Object><Key>a&#x26;b</Key></Object></Delete>'),
    });
    expect(deletion.canonical.headers['content-type']).toBe('application/xml');
    expect(deletion.canonical.body.toString()).toBe('<Delete><Object><Key>a&amp;b</Key></Object></Delete>');
    expect(() => actions('POST', '/b?delete', form, '')).toThrow(/not well-formed/);
  });
});
