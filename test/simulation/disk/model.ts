import { label } from './contents.ts';
import type { Loss } from './sim-disk.ts';

/**
 * The plain array that the volume is compared with. A sector has what it may hold now (one value, except after a
 * crash), and what power loss may bring back because no flush has covered what replaced it.
 */
interface Sector {
  now: Uint8Array[];
  older: Uint8Array[];
  changedAt: number;
}

export class Model {
  #sectors: Sector[];
  #sequence = 0;
  /** Grows with everything that changes what may be read. */
  revision = 0;
  /** Written by a client and not acknowledged. */
  readonly #inFlight = new Map<number, { sectors: Map<number, Uint8Array> }>();

  constructor(contents: readonly Uint8Array[]) {
    this.#sectors = contents.map((bytes) => ({ now: [bytes], older: [], changedAt: 0 }));
  }

  get sectorCount(): number {
    return this.#sectors.length;
  }

  copy(): Model {
    const copy = new Model([]);
    copy.#sectors = this.#sectors.map((s) => ({ ...s, now: [...s.now], older: [...s.older] }));
    for (const [id, write] of this.#inFlight) copy.#inFlight.set(id, write);
    return copy;
  }

  /** Whether a sector may read so after a crash now. */
  allows(index: number, bytes: Uint8Array, loss: Loss): boolean {
    const { now, older } = this.#sectors[index]!;
    if (now.includes(bytes) || (loss === 'power' && older.includes(bytes))) return true;
    for (const write of this.#inFlight.values()) if (write.sectors.get(index) === bytes) return true;
    return false;
  }

  /** For messages. */
  allowed(index: number, loss: Loss): string {
    const { now, older } = this.#sectors[index]!;
    return [...now, ...(loss === 'power' ? older : [])].map(label).join(', ');
  }

  begin(id: number, first: number, parts: readonly Uint8Array[]): void {
    this.revision++;
    this.#inFlight.set(id, { sectors: new Map(parts.map((part, i) => [first + i, part])) });
  }

  /** Not acknowledged, and an error came back: it may have been written or not. */
  fail(id: number): void {
    const write = this.#take(id);
    for (const [index, bytes] of write) {
      const sector = this.#sectors[index]!;
      sector.older = [...sector.older, ...sector.now, bytes];
      sector.now = [...sector.now, bytes];
      // A flush that was asked for before does not cover what arrived of it.
      sector.changedAt = ++this.#sequence;
    }
  }

  acknowledge(id: number, isDurable: boolean): void {
    for (const [index, bytes] of this.#take(id)) {
      const sector = this.#sectors[index]!;
      sector.older = isDurable ? [] : [...sector.older, ...sector.now];
      sector.now = [bytes];
      sector.changedAt = ++this.#sequence;
    }
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** What had been acknowledged when the flush was asked for. */
  flushed(sequence: number): void {
    this.revision++;
    for (const sector of this.#sectors) if (sector.changedAt <= sequence) sector.older = [];
  }

  kill(): void {
    for (const id of [...this.#inFlight.keys()])
      for (const [index, bytes] of this.#take(id)) {
        const sector = this.#sectors[index]!;
        sector.older = [...sector.older, ...sector.now, bytes];
        sector.now = [...sector.now, bytes];
      }
  }

  losePower(): void {
    this.kill();
    for (const sector of this.#sectors) {
      sector.now = [...sector.now, ...sector.older];
      sector.older = [];
    }
  }

  /** Undefined where it may be read there; what was read is what the sector holds from then on. */
  read(index: number, bytes: Uint8Array): string | undefined {
    const sector = this.#sectors[index]!;
    const found = sector.now.find((allowed) => Buffer.compare(allowed, bytes) === 0);
    if (!found) return `sector ${index} reads ${label(bytes)}, allowed: ${sector.now.map(label).join(', ')}`;
    if (sector.now.length > 1) this.revision++;
    sector.now = [found];
    return undefined;
  }

  #take(id: number): Map<number, Uint8Array> {
    this.revision++;
    const write = this.#inFlight.get(id);
    this.#inFlight.delete(id);
    return write?.sectors ?? new Map();
  }
}
