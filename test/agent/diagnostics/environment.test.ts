import {
  environmentSecrets,
  shownEnvironment,
  withoutCredentials,
} from '../../../agent/diagnostics/environment.ts';

const env = {
  HTTPS_PROXY: 'http://carol:p%40ss-w0rd@proxy.test:3128/path?auth=1',
  no_proxy: 'internal.test',
  NODE_EXTRA_CA_CERTS: '/etc/ca.pem',
  AWS_SECRET_ACCESS_KEY: 'wJalrXUtn',
  GITHUB_TOKEN: 'ghp_1',
  HOME: '/home/carol',
};

it('is shown by an allow-list of names, a proxy without who uses it', () => {
  expect(shownEnvironment(env)).toEqual({
    HTTPS_PROXY: 'http://proxy.test:3128',
    no_proxy: 'internal.test',
    NODE_EXTRA_CA_CERTS: '/etc/ca.pem',
  });
});

it('gives its secrets in every form in which they travel', () => {
  const basic = Buffer.from('carol:p@ss-w0rd').toString('base64');
  expect(environmentSecrets(env).sort()).toEqual(
    ['wJalrXUtn', 'ghp_1', 'p%40ss-w0rd', 'p@ss-w0rd', basic].sort(),
  );
});

it('shows nothing of a proxy that is no URL', () => {
  expect(withoutCredentials('carol:p4ss@proxy')).not.toContain('p4ss');
  expect(withoutCredentials('')).toBe('[redacted], not a URL');
});
