import type { TargetDisk } from '../../../agent/restore/target-disk.ts';
import { HoldfastError } from '../../../core/errors.ts';
import type { Random } from './random.ts';
import type { Contents } from './contents.ts';
import type { Scheduler, Session } from './scheduler.ts';

export const sectorBytes = 512;

/** SIGKILL keeps the page cache, power loss what the disk made of it. */
export type Loss = 'kill' | 'power';

/** What a sector may hold after power loss: what was durable, or any version that no barrier has covered. */
interface Sector {
  cached: Uint8Array;
  durable: Uint8Array;
  unsynced: { sequence: number; bytes: Uint8Array }[];
}

/**
 * A disk behind a page cache. Writes return when the seed says so; until a barrier that began afterwards has
 * succeeded, each of their sectors survives power loss on its own or does not, in any version that it had.
 */
export class SimDisk {
  readonly #sectors: Sector[];
  #sequence = 0;
  readonly #inFlight = new Set<{ first: number; parts: Uint8Array[] }>();
  readonly #contents: Contents;
  readonly counters = { writes: 0, barriers: 0 };
  /** Grows with everything that changes what a crash may leave. */
  revision = 0;

  constructor(contents: Contents, sectors: readonly Uint8Array[]) {
    this.#contents = contents;
    this.#sectors = sectors.map((bytes) => ({ cached: bytes, durable: bytes, unsynced: [] }));
  }

  get sizeBytes(): number {
    return this.#sectors.length * sectorBytes;
  }

  begin(first: number, bytes: Uint8Array): { first: number; parts: Uint8Array[] } {
    const parts = Array.from({ length: bytes.length / sectorBytes }, (_, i) =>
      this.#contents.same(bytes.subarray(i * sectorBytes, (i + 1) * sectorBytes)),
    );
    const write = { first, parts };
    this.#inFlight.add(write);
    this.revision++;
    this.counters.writes++;
    return write;
  }

  end(write: { first: number; parts: Uint8Array[] }): void {
    if (!this.#inFlight.delete(write)) return;
    for (const [i, part] of write.parts.entries()) this.#put(write.first + i, part);
  }

  /** The write comes back with an error: some of its sectors arrived. */
  fail(write: { first: number; parts: Uint8Array[] }, random: Random): void {
    if (!this.#inFlight.delete(write)) return;
    for (const [i, part] of write.parts.entries()) if (random.chance(0.5)) this.#put(write.first + i, part);
    this.revision++;
  }

  /**
   * Every content that a sector may have after a crash now. Sectors survive independently of one another, so these
   * lists describe all legal images at once.
   */
  possible(loss: Loss): Uint8Array[][] {
    const lists = this.#sectors.map(({ cached, durable, unsynced }) =>
      loss === 'kill' ? [cached] : [durable, ...unsynced.map((version) => version.bytes)],
    );
    for (const write of this.#inFlight)
      for (const [i, part] of write.parts.entries()) lists[write.first + i]!.push(part);
    return lists;
  }

  #put(index: number, bytes: Uint8Array): void {
    const sector = this.#sectors[index];
    if (!sector) throw new Error(`sector ${index} is behind the end`);
    this.revision++;
    sector.cached = bytes;
    sector.unsynced.push({ sequence: ++this.#sequence, bytes });
  }

  read(index: number): Uint8Array {
    return this.#sectors[index]!.cached;
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** What had returned when the barrier began is durable. */
  sync(upTo: number): void {
    this.revision++;
    for (const sector of this.#sectors) {
      const covered = sector.unsynced.filter((version) => version.sequence <= upTo);
      sector.durable = covered.at(-1)?.bytes ?? sector.durable;
      sector.unsynced = sector.unsynced.slice(covered.length);
    }
  }

  /** As Linux does: the lost pages count as clean, and the next barrier knows nothing of them. */
  failSync(upTo: number, random: Random): void {
    this.revision++;
    for (const sector of this.#sectors) {
      const covered = sector.unsynced.filter((version) => version.sequence <= upTo);
      if (covered.length && random.chance(0.5)) sector.durable = random.pick(covered).bytes;
      sector.unsynced = sector.unsynced.slice(covered.length);
    }
  }

  /** SIGKILL: the page cache stays; of writes under way some sectors arrive. */
  kill(random: Random): void {
    this.settle(() => random.chance(0.5));
  }

  /** No write is under way any more: `hasArrived` says of each of their sectors whether it arrived. */
  settle(hasArrived: (index: number, bytes: Uint8Array) => boolean): void {
    for (const { first, parts } of this.#inFlight)
      for (const [i, part] of parts.entries()) if (hasArrived(first + i, part)) this.#put(first + i, part);
    this.#inFlight.clear();
  }

  /** Another disk as power loss may leave it: one of the legal images. */
  afterPowerLoss(random: Random): SimDisk {
    const survival = random.pick([0, 0.1, 0.5, 0.9, 1]);
    const inFlight = new Map<number, Uint8Array[]>();
    for (const write of this.#inFlight)
      for (const [i, part] of write.parts.entries()) {
        const index = write.first + i;
        inFlight.set(index, [...(inFlight.get(index) ?? []), part]);
      }
    return new SimDisk(
      this.#contents,
      this.#sectors.map((sector, index) => {
        const versions = [...sector.unsynced.map((v) => v.bytes), ...(inFlight.get(index) ?? [])];
        if (versions.length === 0 || !random.chance(survival)) return sector.durable;
        // Mostly the newest, as a disk writes what it finds when it gets there.
        return random.chance(0.7) ? versions.at(-1)! : random.pick(versions);
      }),
    );
  }
}

/** What goes wrong in one life of the process. */
export interface DiskFaults {
  nextBarrierFails: boolean;
  /** A barrier has failed: what the page cache holds is no promise any more. */
  barrierFailed: boolean;
  /** Share of reads and of writes that come back with an error. */
  readsFailing: number;
  writesFailing: number;
}

/** The disk as one life of the process sees it. */
export function simTarget(
  disk: SimDisk,
  scheduler: Scheduler,
  session: Session,
  faults: DiskFaults,
  random: Random,
): TargetDisk {
  const put = async (bytes: Uint8Array, offsetBytes: number): Promise<void> => {
    if (offsetBytes % sectorBytes || bytes.length % sectorBytes) {
      const first = Math.floor(offsetBytes / sectorBytes);
      const last = Math.ceil((offsetBytes + bytes.length) / sectorBytes);
      const whole = Buffer.concat(Array.from({ length: last - first }, (_, i) => disk.read(first + i)));
      whole.set(bytes, offsetBytes - first * sectorBytes);
      return put(whole, first * sectorBytes);
    }
    // The dead write nothing, also where something in them still runs.
    if (session.isDead) return new Promise<void>(() => undefined);
    const write = disk.begin(offsetBytes / sectorBytes, bytes);
    await scheduler.wait(session);
    if (!random.chance(faults.writesFailing)) return disk.end(write);
    disk.fail(write, random);
    throw new HoldfastError(random.pick(['IO', 'NO_SPACE'] as const), 'injected: the write failed');
  };
  return {
    sizeBytes: disk.sizeBytes,
    read: async (into, offsetBytes) => {
      await scheduler.wait(session);
      if (random.chance(faults.readsFailing)) throw new HoldfastError('IO', 'injected: the read failed');
      for (let at = 0; at < into.length;) {
        const offset = (offsetBytes + at) % sectorBytes;
        const sector = disk.read(Math.floor((offsetBytes + at) / sectorBytes));
        const piece = sector.subarray(offset, offset + into.length - at);
        into.set(piece, at);
        at += piece.length;
      }
    },
    write: (parts, offsetBytes) => put(Buffer.concat(parts), offsetBytes),
    zero: (offsetBytes, lengthBytes) => put(new Uint8Array(lengthBytes), offsetBytes),
    barrier: async () => {
      disk.counters.barriers++;
      const upTo = disk.sequence;
      const fails = faults.nextBarrierFails;
      faults.nextBarrierFails = false;
      await scheduler.wait(session);
      if (!fails) return disk.sync(upTo);
      disk.failSync(upTo, random);
      faults.barrierFailed = true;
      throw new HoldfastError('IO', 'injected: fdatasync failed');
    },
    resize: () => Promise.resolve(),
    freeBytes: () => Promise.resolve(undefined),
    close: () => Promise.resolve(),
  };
}
