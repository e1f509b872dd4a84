import { redacted, secretName } from '../../core/redact.ts';

type Env = Record<string, string | undefined>;

const proxyVariables = ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY'];
const proxyNames = proxyVariables.flatMap((name) => [name, name.toLowerCase()]);

/** What changes how the agent works and is a path, a name or a number. Any other variable stays on the host. */
const allowedNames = [
  'NO_PROXY',
  'no_proxy',
  'NODE_EXTRA_CA_CERTS',
  'NODE_TLS_REJECT_UNAUTHORIZED',
  'NODE_USE_SYSTEM_CA',
  'SSL_CERT_DIR',
  'SSL_CERT_FILE',
  'HOLDFAST_AGENT_STATE',
  'XDG_STATE_HOME',
  'UV_THREADPOOL_SIZE',
  'TZ',
];

/** The variables that a bundle may show; of a proxy's URL scheme, host and port alone. */
export function shownEnvironment(env: Env): Record<string, string> {
  const shown = (names: string[], show: (value: string) => string) =>
    names.flatMap((name) => (env[name] === undefined ? [] : [[name, show(env[name])]]));
  return Object.fromEntries([
    ...shown(allowedNames, (value) => value),
    ...shown(proxyNames, withoutCredentials),
  ]) as Record<string, string>;
}

/** `http://user:secret@proxy:3128/path` → `http://proxy:3128` */
export function withoutCredentials(url: string): string {
  const parsed = URL.parse(url);
  return parsed?.host ? `${parsed.protocol}//${parsed.host}` : `${redacted}, not a URL`;
}

/** Values of the environment that must not stand anywhere in a bundle, in the forms in which they travel. */
export function environmentSecrets(env: Env): string[] {
  const bySecretName = Object.entries(env).flatMap(([name, value]) =>
    value && secretName.test(name) ? [value] : [],
  );
  const ofProxies = proxyNames.flatMap((name) => {
    const url = env[name] === undefined ? null : URL.parse(env[name]);
    if (!url?.password) return [];
    const pair = `${decoded(url.username)}:${decoded(url.password)}`;
    return [url.password, decoded(url.password), Buffer.from(pair).toString('base64')];
  });
  return [...bySecretName, ...ofProxies];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
