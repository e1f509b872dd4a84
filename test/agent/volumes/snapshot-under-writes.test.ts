import { openBucket } from '../../../agent/s3/s3-bucket.ts';
import { openSnapshot } from '../../../agent/snapshot/open-snapshot.ts';
import type { NbdClient } from '../../../cli/demo/nbd-client.ts';
import { plainBytesIn } from '../../support/snapshots.ts';
import { seeded } from '../../support/random.ts';
import { MiB, World } from './world.ts';

const blockBytes = 4096;
const blockCount = (32 * MiB) / blockBytes;
const writerCount = 3;

let world: World;
beforeAll(async () => {
  world = await World.open();
});
afterEach(() => world.closeServices());
afterAll(() => world.close());

/** One write: it stamps its writer and number into a block; the turns in which it was sent and answered. */
interface Stamp {
  block: number;
  sentAt: number;
  answeredAt: number;
}

/** Writes one block after the other, each of them one of its own, with the number of the write in every 16 bytes. */
class Writer {
  readonly stamps: Stamp[] = [];
  readonly #id: number;
  readonly #nbd: NbdClient;
  readonly #random: () => number;

  constructor(id: number, nbd: NbdClient) {
    this.#id = id;
    this.#nbd = nbd;
    this.#random = seeded(id + 1);
  }

  async write(turn: () => number): Promise<void> {
    const own = Math.floor(this.#random() * (blockCount / writerCount - 1));
    const block = own * writerCount + this.#id;
    const text = `${this.#id}:${this.stamps.length}`.padEnd(16, '.');
    const sentAt = turn();
    await this.#nbd.write(block * blockBytes, Buffer.alloc(blockBytes, text));
    this.stamps.push({ block, sentAt, answeredAt: turn() });
  }

  /** How many of its writes, from the first on, the image has; none in between may be missing, none half there. */
  countIn(image: Uint8Array): number {
    const found = new Map<number, number>();
    for (const { block } of this.stamps) {
      const bytes = Buffer.from(image.subarray(block * blockBytes, (block + 1) * blockBytes));
      const text = bytes.toString('latin1', 0, 16);
      const number = /^(\d):(\d+)\.*$/.exec(text)?.[2];
      if (number !== undefined) expect(bytes.equals(Buffer.alloc(blockBytes, text))).toBe(true);
      found.set(block, number === undefined ? -1 : Number(number));
    }
    const count = 1 + Math.max(-1, ...found.values());
    const expected = new Map<number, number>([...found.keys()].map((block) => [block, -1]));
    this.stamps.slice(0, count).forEach(({ block }, number) => expected.set(block, number));
    expect([...found]).toEqual([...expected]);
    return count;
  }
}

test('a snapshot of a volume under load is one point in time for all who write', async () => {
  const volumes = await world.service('load');
  const { path } = await world.file('load', 32 * MiB);
  await volumes.create({ volumeId: 'v', path });
  const writers = await Promise.all(
    Array.from({ length: writerCount }, async (_, id) => new Writer(id, await world.nbd(volumes, 'v'))),
  );
  let turns = 0;
  const turn = () => (turns += 1);
  for (const writer of writers) for (let i = 0; i < 20; i += 1) await writer.write(turn);

  const taken = { done: false };
  const writing = writers.map(async (writer) => {
    while (!taken.done) await writer.write(turn);
  });
  const bucket = openBucket({ client: world.s3.client, bucket: world.s3.bucket, prefix: 'load/' });
  for (let round = 0; round < 3; round += 1) {
    const before = writers.map(({ stamps }) => stamps.length);
    const { snapshotId } = await volumes.snapshot({ volumeId: 'v' });
    if (round === 2) taken.done = true;
    const after = writers.map(({ stamps }) => stamps.length);
    const image = await plainBytesIn(await openSnapshot(bucket, snapshotId));
    const counts = writers.map((writer) => writer.countIn(image));
    // It is a moment while it was taken, and there were writes behind it.
    counts.forEach((count, id) => expect(count).toBeGreaterThanOrEqual(before[id]!));
    expect(counts.reduce((sum, count, id) => sum + after[id]! - count, 0)).toBeGreaterThan(0);
    // Whose answer was there before another one was sent is in it, if that one is.
    writers.forEach((later, id) => {
      const lastSentAt = later.stamps[counts[id]! - 1]!.sentAt;
      writers.forEach((earlier, of) => {
        const missing = earlier.stamps[counts[of]!];
        if (missing) expect(missing.answeredAt).toBeGreaterThan(lastSentAt);
      });
    });
  }
  await Promise.all(writing);
});
