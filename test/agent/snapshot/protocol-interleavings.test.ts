import { collectGarbage } from '../../../agent/snapshot/collect-garbage.ts';
import { createSnapshot } from '../../../agent/snapshot/create-snapshot.ts';
import { deleteSnapshot } from '../../../agent/snapshot/delete-snapshot.ts';
import { openSnapshot } from '../../../agent/snapshot/open-snapshot.ts';
import { pinSnapshot, unpinSnapshot } from '../../../agent/snapshot/pins.ts';
import { plainBytesOf } from '../../../core/snapshot/geometry.ts';
import { keys } from '../../../core/snapshot/names.ts';
import { decodeLeaf } from '../../../core/snapshot/page-codec.ts';
import { decodeRoot } from '../../../core/snapshot/root-codec.ts';
import { searchInterleavings, type Actor, type Outcome } from '../../support/interleavings.ts';
import { MemoryBucket } from '../../support/memory-bucket.ts';
import { inputOf, snapshotOf } from '../../support/snapshots.ts';

/** Two chunks; the child changes the second, so that it needs the parent's pack for the first. */
const parentBytes = new Uint8Array(2 * 4096).fill(1);
const childBytes = parentBytes.slice().fill(2, 4096);

let before: MemoryBucket;
let parentId: string;
beforeAll(async () => {
  before = new MemoryBucket();
  parentId = (await snapshotOf(before, parentBytes, { now: () => 1, random: bytesOf(1) })).snapshotId;
});

/** The same “random” bytes in every run, so that names are the same. */
const bytesOf = (seed: number) => {
  let count = 0;
  return (length: number) => new Uint8Array(length).fill(seed).fill((count += 1), length - 1);
};

/** The time of the uploads as a number that sorts before or after the parent's. */
const uploader = (childTimeMs: number): Actor => ({
  name: 'uploader',
  mayFail: true,
  run: async (bucket) => {
    const options = { volumeId: 'v', parentId, now: () => childTimeMs, random: bytesOf(9) };
    await createSnapshot({ bucket, source: inputOf(childBytes), ...options });
  },
});

const deleter: Actor = {
  name: 'deleter',
  run: async (bucket) => void (await deleteSnapshot(bucket, parentId, { force: true })),
};

/** Every upload that it sees it takes for dead: the hardest case. */
const hastyCollector = (name: string): Actor => ({
  name,
  run: async (bucket) => void (await collectGarbage(bucket, { now: () => 1, abandonAfterMs: 0 })),
});

const patientCollector = (name: string): Actor => ({
  name,
  run: async (bucket) => void (await collectGarbage(bucket, { now: () => 1 })),
});

const restorer: Actor = {
  name: 'restorer',
  run: async (bucket) => {
    await pinSnapshot(bucket, parentId, 'restore');
    const snapshot = await openSnapshot(bucket, parentId, { pinId: 'restore' });
    for (const index of [0, 1]) await snapshot.readChunk(index);
    await unpinSnapshot(bucket, parentId, 'restore');
  },
};

const listedIds = (objects: MemoryBucket): string[] =>
  objects
    .keys('snapshots/')
    .map((key) => key.slice('snapshots/'.length))
    .filter((id) => !objects.objects.has(keys.tombstone(id)));

/** Keys of the pages and packs that a snapshot needs. */
function needsOf(objects: MemoryBucket, snapshotId: string): string[] {
  const root = decodeRoot(objects.objects.get(keys.root(snapshotId))!, 'root');
  const page = keys.page(root.refs[0]!.name);
  const bytes = objects.objects.get(page);
  if (bytes === undefined) return [page];
  const leaf = decodeLeaf(bytes, 2, (entry) => plainBytesOf(root.geometry, entry), page);
  return [page, ...leaf.map((entry) => keys.pack(entry!.pack))];
}

/** At every moment, whatever is listed is whole. */
function check(objects: MemoryBucket): void {
  for (const snapshotId of listedIds(objects))
    for (const key of needsOf(objects, snapshotId))
      if (!objects.objects.has(key)) throw new Error(`snapshot ${snapshotId} is listed and lacks ${key}`);
}

/** What succeeded is there, what was pinned could be read, and later collections leave nothing that is not needed. */
async function checkEnd(objects: MemoryBucket, outcomes: Map<string, Outcome>): Promise<void> {
  const childIds = listedIds(objects).filter((id) => id !== parentId);
  if (outcomes.get('uploader') === 'succeeded') expect(childIds).toHaveLength(1);
  const allowed: Record<string, string[]> = {
    uploader: ['GONE', 'NOT_FOUND', 'CONFLICT', 'UNAVAILABLE', 'CORRUPT'],
    restorer: ['GONE', 'NOT_FOUND'],
  };
  for (const [name, outcome] of outcomes) {
    if (typeof outcome === 'string') continue;
    expect(allowed[name] ?? ['BUSY']).toContain(
      (outcome.failed as { code?: string }).code ?? String(outcome.failed),
    );
  }
  for (let round = 0; round < 2; round += 1)
    await collectGarbage(objects, { now: () => 1, abandonAfterMs: 0 });
  check(objects);
  const needed = new Set(listedIds(objects).flatMap((id) => needsOf(objects, id)));
  const left = [...objects.keys('packs/'), ...objects.keys('pages/')].filter((key) => !needed.has(key));
  expect(left).toEqual([]);
}

/**
 * Reads of what a pin protects, and the second of two requests whose order means nothing, are not varied: that
 * makes the search ten times smaller. HOLDFAST_SEARCH=full varies them, too, and adds programs.
 */
const full = process.env['HOLDFAST_SEARCH'] === 'full';
const atOnce = (actor: string, label: string): boolean =>
  !full &&
  ((actor === 'uploader' && /^(get|put pages)/.test(label)) ||
    (actor.startsWith('collector') && /^(list pages|get)/.test(label)));

const neverFails = (actor: Actor): Actor => ({ ...actor, mayFail: false });
const searches: [string, () => Actor[]][] = [
  ['a deletion and a collector', () => [deleter, patientCollector('collector')]],
  ['a restore, a deletion and a collector', () => [restorer, deleter, patientCollector('collector')]],
  ['an upload that may die and a hasty collector', () => [uploader(2), hastyCollector('collector')]],
];
const longSearches: [string, () => Actor[]][] = [
  [
    'an upload, the deletion of its parent and a collector',
    () => [neverFails(uploader(2)), deleter, patientCollector('collector')],
  ],
  [
    'an upload that sorts before its parent, the deletion of the parent and a collector',
    () => [neverFails(uploader(0)), deleter, patientCollector('collector')],
  ],
  [
    'a restore, a deletion and two collectors',
    () => [restorer, deleter, hastyCollector('collector'), hastyCollector('collector 2')],
  ],
];

test.each(full ? [...searches, ...longSearches] : searches)(
  'in every order, what is listed is whole: %s',
  async (_, actors) => {
    const { states, runs } = await searchInterleavings({ before, actors, check, checkEnd, atOnce });
    expect(runs).toBeGreaterThan(0);
    expect(states).toBeGreaterThan(runs);
    if (full) console.log(`${states} states, ${runs} runs`);
  },
  full ? 3600_000 : 60_000,
);
