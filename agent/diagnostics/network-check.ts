import type { NetworkCheck } from '../../core/diagnostics.ts';
import { askProxy } from '../connection/connect-tunnel.ts';
import { withoutCredentials } from './environment.ts';
import { certificateOf, httpAnswer, lookUp, openTcp, startTls, type Answer } from './network-steps.ts';

export interface CheckTarget {
  /** A cell's id, or `s3`. */
  target: string;
  url: URL;
}

export interface CheckDeps {
  /** The proxy for a URL; empty without one. */
  proxyFor: (url: string) => Promise<string>;
  /** Monotonic, ms. */
  now: () => number;
  unixMs: () => number;
  /** Of each step. @default 5 s */
  stepTimeoutMs?: number;
}

type Found = Omit<NetworkCheck, 'target' | 'url' | 'ok' | 'steps'>;

/**
 * Goes the way to a server step by step, as the agent would, and says how far it came and how long each step took.
 * Nothing that is sent says who asks. Never throws; ends after `stepTimeoutMs` for each step.
 */
export async function checkTarget({ target, url }: CheckTarget, deps: CheckDeps): Promise<NetworkCheck> {
  const check: NetworkCheck = { target, url: `${url.origin}${url.pathname}`, ok: false, steps: [] };
  const open = new DisposableStack();
  try {
    await walk(url, check, deps, open);
    check.ok = true;
  } catch (thrown) {
    // A failed step has noted itself; anything else is a URL that cannot be asked.
    if (check.steps.every(({ ok }) => ok))
      check.steps.push({ step: 'dns', ok: false, durationMs: 0, error: reasonOf(thrown) });
  } finally {
    open.dispose();
  }
  return check;
}

async function walk(url: URL, check: NetworkCheck, deps: CheckDeps, open: DisposableStack): Promise<void> {
  const timeoutMs = deps.stepTimeoutMs ?? 5_000;
  const found = (more: Found) => void Object.assign(check, more);
  const step = stepper(check, deps.now);
  const isSecure = url.protocol === 'wss:' || url.protocol === 'https:';
  const proxy = URL.parse(await deps.proxyFor(url.href));
  if (proxy) found({ proxy: withoutCredentials(proxy.href) });
  const { host, port } = addressOf(proxy ?? url);

  const addresses = await step('dns', () => lookUp(host, timeoutMs));
  found({ addresses: addresses.map(({ address }) => address) });
  const tcp = await step('tcp', () => openTcp(addresses, port, timeoutMs));
  open.defer(() => void tcp.destroy());
  // A proxy of another kind is asked no further: what it speaks is its own.
  if (proxy && !/^https?:$/.test(proxy.protocol)) return;
  const to = addressOf(url);
  const socket = proxy
    ? await step('tunnel', () => askProxy(proxy, `${url.hostname}:${to.port}`, timeoutMs))
    : tcp;
  open.defer(() => void socket.destroy());
  // A proxy may end it at any time.
  socket.on('error', () => undefined);
  let carrier = socket;
  if (isSecure) {
    const tls = await step('tls', async () => {
      const started = await startTls(socket, to.host, timeoutMs);
      open.defer(() => void started.destroy());
      found({ tlsVersion: started.getProtocol() ?? 'unknown', ...certificateOf(started, deps.unixMs()) });
      if (!started.authorized) throw started.authorizationError ?? new Error('not trusted');
      return started;
    });
    carrier = tls;
  }
  const before = deps.unixMs();
  const answer = await step('http', () => httpAnswer(carrier, url, timeoutMs));
  found({ httpStatus: answer.status, ...clockOf(answer, before, deps.unixMs()) });
}

/** `Date` has whole seconds, cut off: half a second is added, and the answer was made half-way. */
function clockOf({ dateMs }: Answer, before: number, after: number): Found {
  if (dateMs === undefined) return {};
  return { clockOffsetMs: Math.round(dateMs + 500 - (before + after) / 2) };
}

type StepName = NetworkCheck['steps'][number]['step'];

function stepper(check: NetworkCheck, now: () => number) {
  return async <T>(step: StepName, run: () => Promise<T>): Promise<T> => {
    const startedAt = now();
    const durationMs = () => Math.round((now() - startedAt) * 10) / 10;
    try {
      const result = await run();
      check.steps.push({ step, ok: true, durationMs: durationMs() });
      return result;
    } catch (thrown) {
      check.steps.push({ step, ok: false, durationMs: durationMs(), error: reasonOf(thrown) });
      throw thrown;
    }
  };
}

function addressOf({ protocol, hostname, port }: URL): { host: string; port: number } {
  const standard: Record<string, number> = { 'http:': 80, 'ws:': 80, 'https:': 443, 'wss:': 443 };
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (standard[protocol] ?? 1080) };
}

function reasonOf(thrown: unknown): string {
  // Of several addresses, each has its own error.
  if (thrown instanceof AggregateError) return thrown.errors.map(reasonOf).join('; ');
  const { code, message } = (thrown ?? {}) as { code?: string; message?: string };
  const text = message || String(thrown);
  return code && !text.includes(code) ? `${code}: ${text}` : text;
}
