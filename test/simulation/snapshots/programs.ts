import { collectGarbage } from '../../../agent/snapshot/collect-garbage.ts';
import type { Bucket, ListedObject } from '../../../agent/s3/bucket.ts';
import { createSnapshot } from '../../../agent/snapshot/create-snapshot.ts';
import { deleteSnapshot } from '../../../agent/snapshot/delete-snapshot.ts';
import { openPinned } from '../../../agent/snapshot/open-pinned.ts';
import { unpinSnapshot } from '../../../agent/snapshot/pins.ts';
import { HoldfastError } from '../../../core/errors.ts';
import { inputOf } from '../../support/snapshots.ts';
import type { Program } from './machine.ts';
import { MemoryJournal } from './memory-journal.ts';
import { labelOf, type Step } from './program-run.ts';

/** The real programs of agent/snapshot/, each with names of its own that are the same in every run. */

/** Two chunks; a child changes the second, so that it needs the parent's pack for the first. */
export const parentBytes = new Uint8Array(2 * 4096).fill(1);

export const bytesOf = (seed: number) => {
  let count = 0;
  return (lengthBytes: number) => new Uint8Array(lengthBytes).fill(seed).fill((count += 1), lengthBytes - 1);
};

/** `timeMs` sorts its snapshot before or after the parent, whose time is 1. */
export const uploader = (p: {
  seed: number;
  parentId: string;
  timeMs?: number;
  mayLoseAnswers?: boolean;
}): Program => ({
  name: `uploader ${p.seed}`,
  mayLoseAnswers: p.mayLoseAnswers,
  knowledge: uploaderKnowledge,
  run: async (bucket) => {
    const source = inputOf(parentBytes.slice().fill(p.seed, 4096));
    const options = {
      volumeId: 'v',
      parentId: p.parentId,
      now: () => p.timeMs ?? 2,
      random: bytesOf(p.seed),
      hotChunks: () => Promise.resolve([1]),
    };
    await createSnapshot({ bucket, source, ...options });
  },
});

/**
 * Dies when everything but the seal is there, and goes on with the same upload: with what it has stored, or, where its
 * host forgot that, by storing everything once more under the same id. `secondParentId`: the parent of its second run.
 * Its look at the packs that have arrived always finds them: what is safe without is safe with it, and the bodies of
 * what it writes depend on nothing but their keys.
 */
export const resumedUploader = (p: {
  parentId: string;
  secondParentId: string | undefined;
  forgets?: boolean;
  mayLoseAnswers?: boolean;
}): Program => ({
  name: 'uploader that goes on',
  mayLoseAnswers: p.mayLoseAnswers,
  knowledge: uploaderKnowledge,
  run: async (bucket) => {
    const seed = 9;
    const random = bytesOf(seed);
    const journal = new MemoryJournal({ forgets: p.forgets ?? false });
    const packs: ListedObject[] = [];
    const believing: Bucket = {
      ...bucket,
      put: (key, body, options) => {
        if (key.startsWith('packs/')) packs.push({ key, sizeBytes: body.length, modifiedAtMs: 0 });
        return bucket.put(key, body, options);
      },
      async *list(prefix, options) {
        if (prefix.startsWith('packs/')) yield* packs;
        else yield* bucket.list(prefix, options);
      },
    };
    const upload = (parentId: string | undefined, finish?: () => Promise<void>) => {
      const source = { ...inputOf(parentBytes.slice().fill(seed, 4096)), finish };
      const made = { volumeId: 'v', chunkBytes: 4096, now: () => 2, random };
      return createSnapshot({ bucket: believing, source, journal, ...made, ...(parentId && { parentId }) });
    };
    const died = new Error('died');
    await upload(p.parentId, () => Promise.reject(died)).catch((thrown: unknown) => {
      if (thrown !== died) throw thrown;
    });
    await upload(p.secondParentId);
  },
});

/** What it asked at the same time it may be told in any order: what it knows then is the same. */
const uploaderKnowledge: Program['knowledge'] = (history) =>
  Promise.resolve(
    history
      .map(({ request, answer }) => `${labelOf(request)} ${JSON.stringify(answer)}`)
      .sort()
      .join('; '),
  );

export const deleter = (snapshotId: string): Program => ({
  name: 'deleter',
  run: async (bucket) => void (await deleteSnapshot(bucket, snapshotId, { force: true })),
});

/** Fails only if something is missing that the pin has to keep. */
export const restorer = (snapshotId: string): Program => ({
  name: 'restorer',
  run: async (bucket) => {
    const snapshot = await openPinned(bucket, snapshotId, 'restore').catch((thrown: unknown) => {
      if (thrown instanceof HoldfastError && ['GONE', 'NOT_FOUND'].includes(thrown.code)) return;
      throw thrown;
    });
    if (!snapshot) return;
    for (const index of [0, 1]) await snapshot.readChunk(index);
    await unpinSnapshot(bucket, snapshotId, 'restore');
  },
});

/** Ids sort by their times, which are 0 to 2 here: what a listing of roots returns in three answers. */
const rootPages = [0, 1, 2].map((timeMs) => `snapshots/000000000${timeMs}`);

/**
 * A hasty one takes every upload that it sees for dead: the hardest case. To one that turns pages a listing of roots is
 * not one moment, as it is not where there are more than a thousand.
 */
export const collector = (p: { isHasty: boolean; turnsPages?: boolean }): Program => ({
  name: p.isHasty ? 'hasty collector' : 'collector',
  run: async (bucket) => {
    const options = { now: () => 1, ...(p.isHasty && { abandonAfterMs: 0 }) };
    await collectGarbage(p.turnsPages ? { ...bucket, list: inPages(bucket) } : bucket, options);
  },
  knowledge: collectorKnowledge,
});

const inPages = (bucket: Bucket): Bucket['list'] =>
  async function* (prefix, options) {
    const pages = prefix === 'snapshots/' ? rootPages : [prefix];
    for (const page of pages) yield* bucket.list(page, options);
  };

/**
 * Before a survey a collector knows how often it has begun one, in it what was listed, behind it what is left to do:
 * to read the live roots and their pages, and to delete.
 */
async function collectorKnowledge(
  history: Step[],
  requests: string[],
  onwards: () => Promise<string[]>,
): Promise<string> {
  const labels = history.map(({ request }) => labelOf(request));
  const surveys = labels.filter((label) => label === 'list packs/').length;
  if (requests[0] === 'list packs/') return `survey ${surveys}`;
  const since = history.slice(Math.max(0, labels.lastIndexOf('list packs/')));
  const ends = ['list snapshots/', `list ${rootPages.at(-1)}`];
  const rootListings = since.filter(({ request }) => ends.includes(labelOf(request))).length;
  if (surveys > 0 && rootListings === 2) {
    const missing = since.filter(({ answer }) => answer === false).map(({ request }) => labelOf(request));
    return `after survey ${surveys}, without ${missing.join(', ')}: ${(await onwards()).join('; ')}`;
  }
  return `in survey ${surveys}: ${JSON.stringify(listedIn(since))}`;
}

/**
 * What of the listings of a survey is still of use. Of intents, which uploads are unfinished. Once tombstones are
 * known, of pins those of uploads and whether what is deleted is pinned; once intents are, which pins are stale, and
 * nothing that an upload in flight has made.
 */
function listedIn(steps: Step[]): unknown {
  const under = (folder: string) =>
    steps.find(({ request }) => labelOf(request) === `list ${folder}`)?.answer as string[] | undefined;
  const idOf = (key: string) => key.split('/')[1]!.slice(0, 26);
  const deleted = under('tombstones/')?.map(idOf);
  const intents = under('intents/')?.filter((key) => !key.endsWith('/abandoned'));
  const unfinished = intents && [...new Set(intents.map(idOf))];
  const inFlight = deleted && unfinished?.filter((id) => !deleted.includes(id));
  const uploadOf = (pin: string) => pin.split('/upload-')[1];
  const isInFlight = (id: string) => inFlight?.includes(id) ?? false;

  const toldOfPins = (pins: string[]): string[][] => {
    if (!deleted) return [pins];
    const isOpen = (pin: string) => !inFlight && uploadOf(pin) !== undefined;
    const isStale = (pin: string) => inFlight && uploadOf(pin) !== undefined && !isInFlight(uploadOf(pin)!);
    const pinned = pins.filter((pin) => !isStale(pin) && !isOpen(pin)).map(idOf);
    return [
      pins.filter((pin) => isStale(pin) || isOpen(pin)),
      [...new Set(pinned.filter((id) => deleted.includes(id)))],
    ];
  };
  return steps.map(({ request, answer }) => {
    const label = labelOf(request);
    const keys = answer as string[];
    if (label === 'list intents/') return [label, inFlight && under('pins/') ? [] : unfinished];
    if (/^list (packs|pages|hot)\/$/.test(label))
      return [label, keys.filter((key) => !isInFlight(idOf(key)))];
    if (label === 'list pins/') return [label, toldOfPins(keys)];
    return [label, answer ?? null];
  });
}
