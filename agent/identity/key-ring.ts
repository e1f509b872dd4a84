import { signDialToken } from '../connection/dial-token.ts';
import type { DialKey } from '../connection/link-state.ts';
import {
  loadGatewayKeys,
  makeKey,
  privatePart,
  saveGatewayKeys,
  type DatedKey,
  type GatewayKeys,
} from './gateway-key.ts';

/** The gateway's keys, in memory as on disk. */
export class KeyRing {
  private keys: GatewayKeys;
  private readonly path: string;
  /** One write follows the other, so that the newest stays. */
  private writes: Promise<unknown> = Promise.resolve();

  private constructor(path: string, keys: GatewayKeys) {
    this.path = path;
    this.keys = keys;
  }

  /** Undefined where the gateway has no key yet. `activatedAt`: when the first one was made. Throws CORRUPT. */
  static async open(path: string, activatedAt: number): Promise<KeyRing | undefined> {
    const keys = await loadGatewayKeys(path, activatedAt);
    return keys && new KeyRing(path, keys);
  }

  get current(): DatedKey {
    return this.keys.current;
  }
  get generation(): number {
    return this.keys.generation;
  }
  get next(): DatedKey | undefined {
    return this.keys.next;
  }

  /** The token of one dial, by the key that is to open it. */
  signToken(
    gatewayId: string,
    { key, ...dial }: { key: DialKey; cellId: string; seq: number; issuedAt: number },
  ): Promise<string> {
    const { current, generation, next } = this.keys;
    return key === 'next' && next
      ? signDialToken(next, { ...dial, gatewayId, keyGeneration: generation + 1 })
      : signDialToken(current, { ...dial, gatewayId, keyGeneration: generation });
  }

  /** What must not leave this host, as the file has it. */
  get secrets(): string[] {
    const { current, next } = this.keys;
    return [current, ...(next ? [next] : [])].map(privatePart);
  }

  /** The key that is to follow, on stable storage before anybody sees it; one that was made stays. Throws IO. */
  makeNext(now: number): Promise<DatedKey> {
    return this.inOrder(async () => {
      if (this.keys.next) return this.keys.next;
      const next = makeKey(now);
      await saveGatewayKeys(this.path, { ...this.keys, next });
      this.keys = { ...this.keys, next };
      return next;
    });
  }

  /**
   * The next key takes the current one's place at once; the old one is removed from the disk when this resolves.
   * Where that fails both stay there, and the next start finds out again which of them is in force.
   */
  promoteNext(): Promise<void> {
    const { next, generation } = this.keys;
    if (!next) return Promise.resolve();
    this.keys = { current: next, generation: generation + 1 };
    const promoted = this.keys;
    return this.inOrder(() => saveGatewayKeys(this.path, promoted));
  }

  private inOrder<T>(work: () => Promise<T>): Promise<T> {
    const done = this.writes.then(work);
    this.writes = done.catch(() => undefined);
    return done;
  }
}
