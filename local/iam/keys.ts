import { createHmac, createSecretKey, randomBytes, timingSafeEqual, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { policySchema } from '../template/policy-document.ts';

/** What a session token says, sealed by the master key, so that every process can verify it by itself. */
const sessionSchema = z.strictObject({
  accessKeyId: z.string(),
  roleArn: z.string(),
  sessionName: z.string(),
  policy: policySchema.optional(),
  expiresAtMs: z.number(),
});

export type Session = z.infer<typeof sessionSchema>;

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Keys of one installation: each secret is derived from the master key, nothing but that is stored. */
export class KeyRing {
  readonly #master: KeyObject;
  /** Every request of a function asks for the same few. */
  readonly #secrets = new Map<string, string>();
  readonly #sessions = new Map<string, Session>();

  constructor(master: Buffer) {
    this.#master = createSecretKey(master);
  }

  secretOf(accessKeyId: string): string {
    const known = this.#secrets.get(accessKeyId);
    if (known !== undefined) return known;
    const secret = this.#mac(`secret/${accessKeyId}`).toString('base64').slice(0, 40);
    return keep(this.#secrets, accessKeyId, secret);
  }

  /** A user's long-lived key; the same name always gets the same one. */
  userKey(name: string): Credentials {
    const accessKeyId = `AKIA${base32(this.#mac(`user/${name}`), 16)}`;
    return { accessKeyId, secretAccessKey: this.secretOf(accessKeyId) };
  }

  openSession(session: Omit<Session, 'accessKeyId'>): Required<Credentials> {
    const accessKeyId = `ASIA${base32(randomBytes(16), 16)}`;
    const claims = Buffer.from(JSON.stringify({ ...session, accessKeyId })).toString('base64url');
    const sessionToken = `${claims}.${this.#mac(`session/${claims}`).toString('base64url')}`;
    return { accessKeyId, secretAccessKey: this.secretOf(accessKeyId), sessionToken };
  }

  /** The session of a token that this installation sealed for this key, whether or not it has expired. */
  readSession(accessKeyId: string, sessionToken: string): Session | undefined {
    const known = this.#sessions.get(sessionToken);
    if (known) return known.accessKeyId === accessKeyId ? known : undefined;
    const [claims = '', seal = ''] = sessionToken.split('.');
    const expected = this.#mac(`session/${claims}`);
    const given = Buffer.from(seal, 'base64url');
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    const session = sessionSchema.parse(JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')));
    return session.accessKeyId === accessKeyId ? keep(this.#sessions, sessionToken, session) : undefined;
  }

  /** 256 bits for the KMS key of this ARN. */
  sealingKey(keyArn: string): Buffer {
    return this.#mac(`kms/${keyArn}`);
  }

  #mac(text: string): Buffer {
    return createHmac('sha256', this.#master).update(text).digest();
  }
}

const keptMax = 1_000;

function keep<T>(kept: Map<string, T>, key: string, value: T): T {
  if (kept.size >= keptMax) kept.clear();
  kept.set(key, value);
  return value;
}

function base32(bytes: Uint8Array, length: number): string {
  return [...bytes.subarray(0, length)].map((byte) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[byte & 31]).join('');
}
