import type { Contents } from '../simulation/disk/contents.ts';
import type { Model } from '../simulation/disk/model.ts';
import type { Random } from '../simulation/disk/random.ts';
import { sectorBytes } from '../simulation/disk/sim-disk.ts';
import { requestBytes, type RawClient } from '../agent/nbd/raw-client.ts';

/** A request of the guest, and what became of it. */
export interface GuestRequest {
  kind: 'read' | 'write' | 'trim' | 'flush';
  first: number;
  count: number;
  /** Contents of the sectors that a write leaves. */
  parts: Uint8Array[];
  fua: boolean;
  /** How many replies of this connection the guest had when it asked. */
  repliesBefore: number;
  /** What a read returned. */
  found?: Uint8Array[];
  errno?: number;
}

export interface GuestParams {
  model: Model;
  contents: Contents;
  random: Random;
  sectorsPerBlock: number;
  requestsInFlightMax: number;
}

const commandOf = { read: 0, write: 1, flush: 3, trim: 4 };
const fuaFlag = 1;

/**
 * A client that reads, writes, trims and flushes at random, several requests at a time that do not overlap, and
 * compares what it reads with the model of what it may read. Lives longer than the processes that serve it.
 */
export class Guest {
  readonly #p: GuestParams;
  /** Requests of the present connection by their cookie. */
  requests = new Map<number, GuestRequest>();
  readonly counts = { read: 0, write: 0, trim: 0, flush: 0 };
  /** Called after each reply with how many there were on this connection. */
  onReply: (count: number) => void = () => undefined;
  readonly #busy = new Set<number>();
  #inFlight = 0;
  #replies = 0;
  #cookie = 0;
  #writes = 0;

  constructor(p: GuestParams) {
    this.#p = p;
  }

  get model(): Model {
    return this.#p.model;
  }

  /**
   * Asks until it is stopped or the server is gone. Resolves with whether every request was answered; what was not
   * may have been done or not. Throws where a read is wrong or a request failed.
   */
  async drive(connection: RawClient, stop: AbortSignal): Promise<boolean> {
    this.requests = new Map();
    this.#busy.clear();
    this.#inFlight = this.#replies = 0;
    for (;;) {
      // A draw that collides with what is in flight is not drawn again before something came back.
      for (let draws = 0; draws < 4 && this.#inFlight < this.#p.requestsInFlightMax; draws++)
        if (!stop.aborted) this.#ask(connection);
      if (this.#inFlight === 0 && stop.aborted) return true;
      if (this.#inFlight > 0 && !(await this.#answer(connection))) return false;
    }
  }

  #ask(connection: RawClient): void {
    const { random, model, contents, sectorsPerBlock } = this.#p;
    const kind = random.pick(['read', 'read', 'write', 'write', 'write', 'write', 'trim', 'flush'] as const);
    const [first, count] = kind === 'flush' ? [0, 0] : rangeIn(random, model.sectorCount, sectorsPerBlock);
    const sectors = Array.from({ length: count }, (_, i) => first + i);
    if (sectors.some((sector) => this.#busy.has(sector))) return;
    for (const sector of sectors) this.#busy.add(sector);
    const name = `w${++this.#writes}`;
    const parts = kind === 'write' ? sectors.map((sector) => contents.named(`${name}-${sector}`)) : [];
    if (kind === 'trim') parts.push(...sectors.map(() => contents.zeroes));
    const fua = parts.length > 0 && random.chance(0.1);
    const cookie = ++this.#cookie;
    const request: GuestRequest = { kind, first, count, parts, fua, repliesBefore: this.#replies };
    this.requests.set(cookie, request);
    if (parts.length > 0) model.begin(cookie, first, parts);
    this.#flushedAt.set(cookie, model.sequence);
    this.#inFlight++;
    const payload = kind === 'write' ? Buffer.concat(parts) : undefined;
    connection.send(
      requestBytes({
        type: commandOf[kind],
        offset: first * sectorBytes,
        length: count * sectorBytes,
        flags: fua ? fuaFlag : 0,
        cookie,
        payload,
      }),
    );
  }

  /** What had been acknowledged when a flush was asked for. */
  readonly #flushedAt = new Map<number, number>();

  async #answer(connection: RawClient): Promise<boolean> {
    const reply = await connection.read(16).catch(() => undefined);
    if (!reply) return false;
    const cookie = reply.readUInt32BE(12);
    const request = this.requests.get(cookie)!;
    const errno = reply.readUInt32BE(4);
    const isData = request.kind === 'read' && errno === 0;
    const data = isData && (await connection.read(request.count * sectorBytes).catch(() => undefined));
    if (data === undefined) return false;
    request.errno = errno;
    if (data) request.found = sectorsOf(data);
    if (errno !== 0)
      throw new Error(`a ${request.kind} of sector ${request.first} failed with errno ${errno}`);
    applyReply(this.#p.model, cookie, request, this.#flushedAt.get(cookie)!);
    this.#flushedAt.delete(cookie);
    for (let i = 0; i < request.count; i++) this.#busy.delete(request.first + i);
    this.counts[request.kind]++;
    this.#inFlight--;
    this.onReply(++this.#replies);
    return true;
  }
}

/** Tells the model of an answer; `askedAt` is the model's sequence when the request was made. Throws at a wrong read. */
export function applyReply(model: Model, cookie: number, request: GuestRequest, askedAt: number): void {
  if (request.kind === 'flush') model.flushed(askedAt);
  if (request.parts.length > 0) model.acknowledge(cookie, request.fua);
  for (const [i, bytes] of (request.found ?? []).entries()) {
    const wrong = model.read(request.first + i, bytes);
    if (wrong) throw new Error(`a client’s read: ${wrong}`);
  }
}

export function sectorsOf(bytes: Uint8Array): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / sectorBytes) }, (_, i) =>
    bytes.subarray(i * sectorBytes, (i + 1) * sectorBytes),
  );
}

/** Whole blocks, single sectors, and what crosses the borders of blocks. */
function rangeIn(random: Random, sectorCount: number, perBlock: number): [number, number] {
  const block = random.below(Math.ceil(sectorCount / perBlock)) * perBlock;
  if (random.chance(0.4)) return [block, Math.min(perBlock * (1 + random.below(2)), sectorCount - block)];
  if (random.chance(0.3)) return [block, 1];
  const first = random.below(sectorCount);
  return [first, Math.min(1 + random.below(4), sectorCount - first)];
}
