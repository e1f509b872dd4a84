/**
 * The path and query that a request asks for, as sent. What is no path (`*`, an authority) and what no URL can hold
 * counts as `/`: whoever routes refuses it like any other that he does not have. Never throws.
 */
export const requestTarget = (url: string | undefined): URL =>
  (url?.startsWith('/') ? URL.parse(`http://local${url}`) : null) ?? new URL('http://local/');
