import { HoldfastError } from './errors.ts';

const variables = ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY'].flatMap((name) => [name, name.toLowerCase()]);

/**
 * Throws CONFIG where a variable that names a proxy holds no URL: what reads it would take the scheme of the request,
 * or the host for one.
 */
export function requireProxyUrls(env: Readonly<Record<string, string | undefined>>): void {
  for (const name of variables) {
    const text = env[name];
    if (!text || (/^[a-z][a-z0-9+.-]*:\/\//i.test(text) && URL.canParse(text))) continue;
    // A user name and a password are for nobody's screen.
    const host = text
      .slice(text.lastIndexOf('@') + 1)
      .replace(/^.*:\/\//, '')
      .slice(0, 200);
    throw new HoldfastError('CONFIG', `${name}: the proxy ${host} is no URL`, {
      hint: `write http://${host}`,
    });
  }
}
