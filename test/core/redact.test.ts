import { mapTexts, redactAtMost, redacted, redactor } from '../../core/redact.ts';

const redact = redactor(() => ['s3cr3t-proxy-word', 's3cr3t-proxy', 'tiny']);

it.each([
  ['by its value, the longer one first', 'sent s3cr3t-proxy-word twice', `sent ${redacted} twice`],
  [
    'a JSON Web Token',
    'token was eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJn.c2ln-_x, bad',
    `token was ${redacted}, bad`,
  ],
  ['an Authorization header', 'got Bearer abc.def~ghi+jkl=', `got Bearer ${redacted}`],
  ['an activation code', 'code hfa_2570eed2ff651cbb4a8ebaa8327873ae', `code ${redacted}`],
  ['a webhook’s secret', 'sign with whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', `sign with ${redacted}`],
  ['a tenant’s token', 'hft_2570eed2ff651cbb4a8e', redacted],
  ['an access key', 'AKIAIOSFODNN7EXAMPLE and ASIAIOSFODNN7EXAMPLE', `${redacted} and ${redacted}`],
  ['credentials in a URL', 'http://carol:p@ss:word@proxy:3128/x', `http://${redacted}@proxy:3128/x`],
  [
    'a presigned URL’s signature',
    'https://b/k?X-Amz-Date=1&X-Amz-Signature=0af3&X-Amz-Security-Token=zz',
    `https://b/k?X-Amz-Date=1&X-Amz-Signature=${redacted}&X-Amz-Security-Token=${redacted}`,
  ],
  ['a named secret', '{"secretAccessKey":"wJalr/XUtn+FEMI"}', `{"secretAccessKey":"${redacted}"}`],
  ['a private key', 'x -----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY----- y', `x ${redacted} y`],
  ['half a private key', 'x -----BEGIN EC PRIVATE KEY-----\nMC4C', `x ${redacted}`],
])('blots out %s', (_, text, expected) => {
  expect(redact(text)).toBe(expected);
  expect(redact(redact(text))).toBe(expected);
});

it.each([
  'closed with 1006',
  'cell-1 answered 403 to wss://cell-1.example.test/v1',
  'tiny words stay, and so do ids: 22d267104be0720b808427e32f3a35be',
  'volume vol-1: /srv/vol1.img is 4096 bytes long, its record says 335544320',
])('leaves alone what is none: %s', (text) => expect(redact(text)).toBe(text));

it('works on no more than it has to, and never lets half a secret out', () => {
  const bounded = redactAtMost(redact, 20);
  expect(bounded('s3cr3t-proxy is not as long as that')).toBe(`${redacted} is not as`);
  // Cut at 40 characters it would end with the secret's first letters, which nobody would know.
  expect(bounded(`${'s3cr3t-proxy '.repeat(2)}a s3cr3t-proxy-word ${'x'.repeat(50)}`)).not.toContain('s3c');
  expect(bounded('token'.repeat(1_000_000))).toBe(' …');
});

it('reaches every text of a value, however deep, and no name', () => {
  const value = { tiny: ['s3cr3t-proxy', { deep: 's3cr3t-proxy' }, 7, null, true] };
  expect(mapTexts(value, redact)).toEqual({ tiny: [redacted, { deep: redacted }, 7, null, true] });
});
