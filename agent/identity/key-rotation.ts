import { HoldfastError } from '../../core/errors.ts';
import { isRotationDue, keyRotationText } from '../../core/identity/key-rotation.ts';
import { keyFingerprint } from '../../core/identity/public-key.ts';
import type { Log } from '../../core/log.ts';
import type { Downstream } from '../../core/messages.ts';
import type { Link } from '../connection/link.ts';
import { signText } from './gateway-key.ts';
import type { KeyRing } from './key-ring.ts';

export interface RotationDeps {
  ring: KeyRing;
  gatewayId: string;
  /** It is asked over, and told which keys it may dial with. */
  link: Pick<Link, 'send' | 'setNextKey' | 'serverTime'>;
  setTimer: (run: () => void, delayMs: number) => () => void;
  log: Log;
}

export interface KeyInForce {
  keyGeneration: number;
  keyFingerprint: string;
}

/** An unanswered request is repeated after this, and so often on one connection. */
const answerMs = 15_000;
const asksMax = 4;

/**
 * Replaces the gateway's key: the next one goes to disk, then the server is asked, then a connection is dialed with
 * it, and when that is welcomed the key before is removed. Each step is repeated after a crash.
 */
export class KeyRotation {
  private readonly deps: RotationDeps;
  private asks = 0;
  private cancelTimer = () => {};
  private readonly waiters = new Set<{
    resolve: (key: KeyInForce) => void;
    reject: (error: unknown) => void;
  }>();

  constructor(deps: RotationDeps) {
    this.deps = deps;
    if (deps.ring.next) deps.link.setNextKey('made');
  }

  /** A connection is up: goes on with a rotation, or begins one that is due. */
  connected(): void {
    const { ring, link, log } = this.deps;
    this.asks = 0;
    if (ring.next) return this.ask();
    if (isRotationDue(ring.current, link.serverTime()))
      void this.begin().catch((cause: unknown) => log('error', 'key.not-made', { error: String(cause) }));
  }

  /** Replaces the key now; resolves once the new one is welcomed. Throws the signal's reason, IO, UNAVAILABLE. */
  async rotate(signal: AbortSignal): Promise<KeyInForce> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<KeyInForce>();
    promise.catch(() => undefined); // it may fail while the next key is still being made
    const waiter = { resolve, reject };
    const abort = () => reject(signal.reason);
    this.waiters.add(waiter);
    signal.addEventListener('abort', abort, { once: true });
    try {
      this.asks = 0;
      await this.begin();
      return await promise;
    } finally {
      signal.removeEventListener('abort', abort);
      this.waiters.delete(waiter);
    }
  }

  answered({ publicKey, keyGeneration }: Extract<Downstream, { t: 'key.rotated' }>['body']): void {
    const { ring, log, link } = this.deps;
    if (publicKey !== ring.next?.publicKey) return;
    this.cancelTimer();
    log('info', 'key.accepted', { keyGeneration });
    link.setNextKey('accepted');
  }

  /** The next key opened a connection. */
  welcomed(): void {
    const { ring, log } = this.deps;
    this.cancelTimer();
    void ring.promoteNext().then(
      () => log('info', 'key.replaced', { keyGeneration: ring.generation }),
      (cause: unknown) => log('error', 'key.old-not-removed', { error: String(cause) }),
    );
    for (const { resolve } of this.waiters) resolve(this.inForce);
  }

  get inForce(): KeyInForce {
    const { generation, current } = this.deps.ring;
    return { keyGeneration: generation, keyFingerprint: keyFingerprint(current.publicKey) };
  }

  close(): void {
    this.cancelTimer();
    for (const { reject } of this.waiters)
      reject(
        new HoldfastError('UNAVAILABLE', 'the agent is stopping; it goes on with the rotation when it runs'),
      );
  }

  private async begin(): Promise<void> {
    const { ring, link } = this.deps;
    const isNew = ring.next === undefined;
    await ring.makeNext(link.serverTime());
    if (isNew) link.setNextKey('made');
    this.ask();
  }

  private ask(): void {
    const { ring, gatewayId, link, setTimer } = this.deps;
    const { current, generation, next } = ring;
    this.cancelTimer();
    if (!next || this.asks++ >= asksMax) return;
    const text = keyRotationText(gatewayId, generation, next.publicKey);
    link.send('key.rotate', {
      generation,
      publicKey: next.publicKey,
      proofOfOld: signText(current, text),
      proofOfNew: signText(next, text),
    });
    this.cancelTimer = setTimer(() => this.ask(), answerMs);
  }
}
