/** What stands where a secret stood. */
export const redacted = '[redacted]';

/** Names of variables and fields whose values are secrets. */
export const secretName = /secret|passw|token|credential|authorization|(api|access|private)_?key/i;

/** Things that are secrets whatever their value, by the form in which they are written. */
const forms: readonly [RegExp, string][] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, redacted],
  // JSON Web Tokens: dial tokens, and those of OIDC issuers.
  [/\beyJ[\w-]{8,}\.[\w-]+(\.[\w-]*)?/g, redacted],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{8,}/gi, `$1 ${redacted}`],
  // Activation codes, tenants' tokens, challenges.
  [/\bhf[act]_[0-9a-f]{8,}/g, redacted],
  // Webhooks' secrets.
  [/\bwhsec_[A-Za-z0-9+/=]{8,}/g, redacted],
  [/\b(AKIA|ASIA)[A-Z0-9]{8,}/g, redacted],
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/"'<>]+@/gi, `$1${redacted}@`],
  [/([?&][\w-]*(?:signature|credential|token|secret|password|key)[\w-]*=)[^&\s"']+/gi, `$1${redacted}`],
  [
    /(\b\w*(?:secret|password|passwd|token|api_?key|access_?key|private_?key)\w*["']?\s*[:=]\s*["']?)[^\s"',;}&]+/gi,
    `$1${redacted}`,
  ],
  // The private part of a JSON Web Key.
  [/("d"\s*:\s*")[\w-]{20,}/g, `$1${redacted}`],
];

/** Shorter ones would blot out words that are none. */
const secretCharsMin = 6;

/**
 * Blots out of a text the secrets that are known by value, wherever they stand, and whatever has the form of one.
 * Applied twice it does no more than once.
 */
export function redactor(secrets: () => Iterable<string>): (text: string) => string {
  return (text) => {
    const known = [...new Set(secrets())].filter(({ length }) => length >= secretCharsMin);
    const longestFirst = known.sort((a, b) => b.length - a.length);
    const without = longestFirst.reduce((rest, secret) => rest.replaceAll(secret, redacted), text);
    return forms.reduce((rest, [form, instead]) => rest.replace(form, instead), without);
  };
}

/**
 * For text of any length: at most `charsMax` come out, and the work is bounded, too. A text that is far too long ends
 * between two words, for half a secret would not be known as one.
 */
export function redactAtMost(redact: (text: string) => string, charsMax: number): (text: string) => string {
  return (text) => {
    if (text.length <= 2 * charsMax) return redact(text).slice(0, charsMax);
    const part = text.slice(0, 2 * charsMax);
    const end = Math.max(part.lastIndexOf(' '), part.lastIndexOf('\n'), 0);
    return redact(`${part.slice(0, end)} …`).slice(0, charsMax);
  };
}

/** The same value with every text in it, however deep, passed through `change`; names of fields stay. */
export function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((each) => mapTexts(each, change));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, mapTexts(each, change)]));
}
