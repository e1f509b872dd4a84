import { randomUUID } from 'node:crypto';
import { errorCodes, HoldfastError, type ErrorCode } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { CredentialPurpose, Downstream } from '../../core/messages.ts';

type CredsAnswer = Extract<Downstream, { t: 'creds' }>['body'];
export type StorageCredentials = NonNullable<CredsAnswer['credentials']>;

export interface BrokerDeps {
  /** False where there is no connection. */
  request: (body: { requestId: string; purpose: CredentialPurpose }) => boolean;
  /** Server's clock, Unix ms. */
  serverTime: () => number;
  setTimer: (run: () => void, delayMs: number) => () => void;
  log: Log;
}

/** Credentials are asked for anew when they are good for less than this. */
export const freshMs = 2 * 60_000;
/** An unanswered request is repeated after this. */
const answerMs = 15_000;
/** Failures that pass: asked again after this. */
const retryMs = 5_000;
const passing = new Set(['UNAVAILABLE', 'THROTTLED', 'TIMEOUT', 'INTERNAL', 'IO']);

interface Pending {
  purpose: CredentialPurpose;
  /** Server's clock, Unix ms. */
  since: number;
  /** Of those that are to be replaced; undefined: there were none. */
  endsAt: number | undefined;
  requestId: string;
  promise: Promise<StorageCredentials>;
  resolve: (credentials: StorageCredentials) => void;
  reject: (error: HoldfastError) => void;
  cancelTimer: () => void;
}

/**
 * Credentials for S3 by purpose, asked for over the connection and kept until shortly before they expire. While the
 * connection is away a request waits and goes out when it is back: a restore outlives that.
 */
export class CredentialBroker {
  private readonly deps: BrokerDeps;
  private readonly known = new Map<string, StorageCredentials>();
  private readonly pending = new Map<string, Pending>();
  private closed: HoldfastError | undefined;

  constructor(deps: BrokerDeps) {
    this.deps = deps;
  }

  /** Waits as long as it takes. Throws what the server says (FORBIDDEN, NOT_FOUND, …), UNAVAILABLE once closed. */
  get(purpose: CredentialPurpose): Promise<StorageCredentials> {
    if (this.closed) return Promise.reject(this.closed);
    const key = purposeKey(purpose);
    const known = this.known.get(key);
    if (known && known.expiresAt - this.deps.serverTime() > freshMs) return Promise.resolve(known);
    this.known.delete(key);
    return (this.pending.get(key) ?? this.open(key, purpose, known?.expiresAt)).promise;
  }

  /** What must stand in no text that leaves this host. */
  secrets(): string[] {
    return [...this.known.values()].flatMap(({ secretAccessKey, sessionToken }) => [
      secretAccessKey,
      sessionToken,
    ]);
  }

  /**
   * When credentials end, or ended, that somebody uses and that the control plane does not renew; Unix ms of its clock.
   * Those that were answered at the first asking are none: they are renewed every quarter of an hour.
   */
  get endsAt(): number | undefined {
    const overdue = [...this.pending.values()].filter(
      ({ since }) => this.deps.serverTime() - since > answerMs,
    );
    const ends = overdue.map(({ endsAt }) => endsAt).filter((end) => end !== undefined);
    return ends.length === 0 ? undefined : Math.min(...ends);
  }

  connected(): void {
    for (const pending of this.pending.values()) this.ask(pending);
  }

  answered({ requestId, credentials, error }: CredsAnswer): void {
    const found = [...this.pending].find(([, pending]) => pending.requestId === requestId);
    if (!found) return;
    const [key, pending] = found;
    if (error && passing.has(error.code)) {
      this.deps.log('warn', 'credentials.retry', { purpose: pending.purpose.kind, code: error.code });
      pending.cancelTimer();
      pending.cancelTimer = this.deps.setTimer(() => this.ask(pending), retryMs);
      return;
    }
    this.pending.delete(key);
    pending.cancelTimer();
    if (credentials) {
      this.known.set(key, credentials);
      pending.resolve(credentials);
    } else pending.reject(refused(error));
  }

  close(): void {
    this.closed = new HoldfastError('UNAVAILABLE', 'the agent is stopping');
    for (const pending of this.pending.values()) {
      pending.cancelTimer();
      pending.reject(this.closed);
    }
    this.pending.clear();
  }

  private open(key: string, purpose: CredentialPurpose, endsAt: number | undefined): Pending {
    const { promise, resolve, reject } = Promise.withResolvers<StorageCredentials>();
    const since = this.deps.serverTime();
    const asked = { purpose, since, endsAt, requestId: '' };
    const pending = { ...asked, promise, resolve, reject, cancelTimer: () => {} };
    this.pending.set(key, pending);
    this.ask(pending);
    return pending;
  }

  private ask(pending: Pending): void {
    pending.cancelTimer();
    pending.requestId = randomUUID();
    this.deps.request({ requestId: pending.requestId, purpose: pending.purpose });
    pending.cancelTimer = this.deps.setTimer(() => this.ask(pending), answerMs);
  }
}

const purposeKey = (purpose: CredentialPurpose): string =>
  [
    purpose.kind,
    'volumeId' in purpose ? purpose.volumeId : '',
    'snapshotId' in purpose ? purpose.snapshotId : '',
  ].join('/');

function refused(error: CredsAnswer['error']): HoldfastError {
  const code = error?.code ?? 'PROTOCOL';
  const known = Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : 'FORBIDDEN';
  return new HoldfastError(known, `no credentials for S3: ${error?.message ?? 'an empty answer'}`);
}
