/**
 * The path and query that a request asks for, as sent. What is no path (`*`, an authority) and what no URL can hold
 * counts as `/`: whoever routes refuses it like any other that he does not have. Never throws.
 */
export const requestTarget = (url: string | undefined): URL =>
  (url?.startsWith('/') ? URL.parse(`http://local${url}`) : null) ?? new URL('http://local/');

/** A part of a path, decoded; what is not encoded as it should be stays as it is. Never throws. */
export function safeDecode(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
