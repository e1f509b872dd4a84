import { HoldfastError } from './errors.ts';

/**
 * The URL that a flag or an environment variable holds: http or https, without a user name or password.
 * Throws USAGE for a flag and CONFIG for a variable, by the name of either.
 */
export function requireHttpUrl(text: string, from: string, example: string): URL {
  const code = from.startsWith('--') ? 'USAGE' : 'CONFIG';
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol))
    throw new HoldfastError(code, `${from}: "${text.slice(0, 200)}" is not an http:// or https:// URL`, {
      hint: `write it like ${example}`,
    });
  if (url.username || url.password)
    throw new HoldfastError(code, `${from}: the URL holds a user name or password`, {
      hint: 'leave them out',
    });
  return url;
}
