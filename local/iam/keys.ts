import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
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
  readonly #master: Buffer;

  constructor(master: Buffer) {
    this.#master = master;
  }

  secretOf(accessKeyId: string): string {
    return this.#mac(`secret/${accessKeyId}`).toString('base64').slice(0, 40);
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
    const [claims = '', seal = ''] = sessionToken.split('.');
    const expected = this.#mac(`session/${claims}`);
    const given = Buffer.from(seal, 'base64url');
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined;
    const session = sessionSchema.parse(JSON.parse(Buffer.from(claims, 'base64url').toString('utf8')));
    return session.accessKeyId === accessKeyId ? session : undefined;
  }

  #mac(text: string): Buffer {
    return createHmac('sha256', this.#master).update(text).digest();
  }
}

function base32(bytes: Uint8Array, length: number): string {
  return [...bytes.subarray(0, length)].map((byte) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[byte & 31]).join('');
}
