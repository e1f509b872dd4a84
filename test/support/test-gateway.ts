import { SignJWT } from 'jose';
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { WebSocket } from 'ws';
import { activationProofText, type ActivateResponse } from '../../core/api.ts';
import { dialClaims, dialTokenAlgorithm, type DialClaims } from '../../core/identity/dial-token.ts';
import {
  parseDownstream,
  protocolVersion,
  type Downstream,
  type DownstreamType,
} from '../../core/messages.ts';

/** The gateway's end of the protocol, frame by frame, for tests that say themselves what an agent sends. */
export interface TestGateway {
  gatewayId: string;
  tenantId: string;
  privateKey: KeyObject;
  /** @default 1 */
  keyGeneration?: number;
  cells: Record<string, string>;
}

/** Activates with a key of its own at the home's API. */
export async function activateGateway(apiUrl: string, code: string): Promise<TestGateway> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const { x } = publicKey.export({ format: 'jwk' });
  const proof = sign(null, Buffer.from(activationProofText(code, x!)), privateKey).toString('base64url');
  const response = await fetch(`${apiUrl.replace(/\/+$/, '')}/v1/activate`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code, publicKey: x, proof, agentVersion: '1.0.0' }),
  });
  if (!response.ok) throw new Error(`activation: ${response.status} ${await response.text()}`);
  const { gatewayId, tenantId, cells } = (await response.json()) as ActivateResponse;
  const urls = Object.fromEntries(cells.map(({ cellId, webSocketUrl }) => [cellId, webSocketUrl]));
  return { gatewayId, tenantId, privateKey, cells: urls };
}

let lastSeq = 0;

export async function dialToken(
  gateway: TestGateway,
  cellId: string,
  changed: Partial<DialClaims> = {},
): Promise<{ token: string; epoch: number }> {
  lastSeq = Math.max(lastSeq + 1, Date.now());
  const { gatewayId, keyGeneration = 1 } = gateway;
  const dial = { gatewayId, cellId, dialSeq: lastSeq, keyGeneration, tokenId: 'id', nowMs: Date.now() };
  const claims = { ...dialClaims(dial), ...changed };
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: dialTokenAlgorithm })
    .sign(gateway.privateKey);
  return { token, epoch: claims.seq };
}

/** One open connection. Frames are kept until somebody waits for them. */
export class TestConnection {
  readonly epoch: number;
  readonly closed: Promise<void>;
  readonly #socket: WebSocket;
  readonly #frames: Downstream[] = [];
  #arrived: () => void = () => undefined;
  #sent = 0;

  private constructor(socket: WebSocket, epoch: number) {
    this.#socket = socket;
    this.epoch = epoch;
    this.closed = new Promise((resolve) => socket.on('close', () => resolve()));
    socket.on('message', (data) => {
      const text = (data as Buffer).toString();
      const parsed = parseDownstream(text);
      // API Gateway's own answer where a function failed.
      if (/^\{"message": ?"Internal server error"/.test(text)) return;
      if (!parsed.ok) throw new Error(`the cloud sent: ${parsed.problem.message}`);
      this.#frames.push(parsed.message);
      this.#arrived();
    });
  }

  /** Rejects with the HTTP status where the dial is denied. */
  static open(url: string, { token, epoch }: { token: string; epoch: number }): Promise<TestConnection> {
    const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` } });
    return new Promise((resolve, reject) => {
      const connection = new TestConnection(socket, epoch);
      socket.on('open', () => resolve(connection));
      socket.on('error', reject);
    });
  }

  send(t: string, body: object, envelope: object = {}): void {
    this.#sent += 1;
    const frame = { v: protocolVersion, t, id: `f${this.#sent}`, epoch: this.epoch, seq: this.#sent };
    this.sendRaw(JSON.stringify({ ...frame, ts: Date.now(), body, ...envelope }));
  }

  sendRaw(text: string): void {
    this.#socket.send(text);
  }

  hello(journalId: string, bootId = 'boot-1'): void {
    this.send('hello', { bootId, journalId, agentVersion: '1.0.0', sentAt: Date.now() });
  }

  /** The next frame of that type; the others stay. The test's own time-out bounds the wait. */
  async next<T extends DownstreamType>(t: T): Promise<Extract<Downstream, { t: T }>> {
    for (;;) {
      const index = this.#frames.findIndex((frame) => frame.t === t);
      if (index >= 0) return this.#frames.splice(index, 1)[0] as Extract<Downstream, { t: T }>;
      await new Promise<void>((resolve) => (this.#arrived = resolve));
    }
  }

  /** Frames of that type that came and were not waited for. */
  pending(t: DownstreamType): Downstream[] {
    return this.#frames.filter((frame) => frame.t === t);
  }

  close(): void {
    this.#socket.terminate();
  }
}

/** Dials, says hello and waits for the welcome. */
export async function connect(
  gateway: TestGateway,
  cellId: string,
  journalId: string,
  bootId?: string,
): Promise<TestConnection> {
  const connection = await TestConnection.open(gateway.cells[cellId]!, await dialToken(gateway, cellId));
  connection.hello(journalId, bootId);
  await connection.next('welcome');
  return connection;
}
