import type { Bucket, ListedObject } from '../../../agent/s3/bucket.ts';
import { toArray } from '../../support/snapshots.ts';
import type { Program } from './machine.ts';
import type { ProgramName } from './scenarios.ts';

/** A program with one rule of docs/snapshot-format.md broken, by what it tells the bucket or hears from it. */
export type Mutation = (bucket: Bucket) => Bucket;

export const mutated = (program: Program, mutation: Mutation): Program => ({
  ...program,
  run: (bucket) => program.run(mutation(bucket)),
});

/** Never makes the object. */
const withoutPut =
  (pattern: RegExp): Mutation =>
  (bucket) => ({
    ...bucket,
    put: async (key, body, options) => (pattern.test(key) ? undefined : bucket.put(key, body, options)),
  });

/** Takes the object for missing, without looking. */
const withoutLook =
  (pattern: RegExp): Mutation =>
  (bucket) => ({
    ...bucket,
    has: async (key, options) => (pattern.test(key) ? false : bucket.has(key, options)),
  });

/** Looks into the folder before the first look into the other, and goes by that. */
const listsEarly =
  (folder: string, before: string): Mutation =>
  (bucket) => {
    let early: ListedObject[] | undefined;
    return {
      ...bucket,
      async *list(prefix, options) {
        if (prefix === before) early = await toArray(bucket.list(folder, options));
        if (prefix === folder && early) yield* early;
        else yield* bucket.list(prefix, options);
      },
    };
  };

/** Takes the folder for empty, or what was listed there first for what is there. */
const listsNothing =
  (folder: string): Mutation =>
  (bucket) => ({
    ...bucket,
    async *list(prefix, options) {
      if (prefix !== folder) yield* bucket.list(prefix, options);
    },
  });

/** Takes the folder for empty until the other was listed in the same survey. */
const listsLate =
  (folder: string, behind: string): Mutation =>
  (bucket) => {
    let isBehind = false;
    return {
      ...bucket,
      async *list(prefix, options) {
        if (prefix === 'packs/') isBehind = false;
        if (prefix === behind) isBehind = true;
        if (isBehind || !prefix.startsWith(folder)) yield* bucket.list(prefix, options);
      },
    };
  };

const listsOnce =
  (folder: string): Mutation =>
  (bucket) => {
    let first: ListedObject[] | undefined;
    return {
      ...bucket,
      async *list(prefix, options) {
        if (prefix === folder) yield* (first ??= await toArray(bucket.list(prefix, options)));
        else yield* bucket.list(prefix, options);
      },
    };
  };

export interface Mutant {
  rule: string;
  /** The program that is broken, by the front of its name. */
  of: ProgramName;
  mutation: Mutation;
  /** Programs beside which it is found. */
  beside: ProgramName[];
  /** As of a scenario. */
  preemptionsMax?: number;
}

export const mutants: Mutant[] = [
  {
    rule: 'an upload announces itself before its first object',
    of: 'uploader',
    mutation: withoutPut(/^intents\/.*\/open$/),
    beside: ['collector'],
  },
  {
    rule: 'an upload pins its parent',
    of: 'uploader',
    mutation: withoutPut(/^pins\//),
    beside: ['deleter', 'collector'],
  },
  {
    rule: 'an upload seals before it looks whether it was given up',
    of: 'uploader',
    mutation: withoutPut(/^intents\/.*\/sealed$/),
    beside: ['hasty collector'],
  },
  {
    rule: 'an upload looks whether it was given up',
    of: 'uploader',
    mutation: withoutLook(/^intents\/.*\/abandoned$/),
    beside: ['hasty collector'],
  },
  {
    rule: 'an upload looks for its parent’s tombstone behind its pin',
    of: 'uploader',
    mutation: withoutLook(/^tombstones\//),
    beside: ['deleter', 'collector'],
  },
  {
    rule: 'a restore pins its snapshot',
    of: 'restorer',
    mutation: withoutPut(/^pins\//),
    beside: ['deleter', 'collector'],
  },
  {
    rule: 'a restore looks for the tombstone behind its pin',
    of: 'restorer',
    mutation: withoutLook(/^tombstones\//),
    beside: ['deleter', 'collector'],
  },
  {
    rule: 'a collector marks an upload as given up before it looks for the seal',
    of: 'hasty collector',
    mutation: withoutPut(/^intents\/.*\/abandoned$/),
    beside: ['uploader'],
  },
  {
    rule: 'a collector lists objects before intents',
    of: 'collector',
    mutation: listsEarly('intents/', 'packs/'),
    beside: ['uploader'],
  },
  {
    rule: 'a collector goes by pins',
    of: 'collector',
    mutation: listsNothing('pins/'),
    beside: ['restorer', 'deleter'],
  },
  {
    rule: 'a collector lists tombstones before pins',
    of: 'collector',
    mutation: listsEarly('pins/', 'tombstones/'),
    beside: ['restorer', 'deleter'],
  },
  {
    rule: 'a collector goes by intents',
    of: 'collector',
    mutation: listsNothing('intents/'),
    beside: ['uploader'],
  },
  {
    rule: 'a collector lists the roots before the tombstones, too',
    of: 'page-turning collector',
    mutation: listsLate('snapshots/', 'tombstones/'),
    beside: ['early uploader', 'deleter', 'collector'],
    preemptionsMax: 2,
  },
  {
    rule: 'a collector lists the roots once more behind the intents',
    of: 'collector',
    mutation: listsOnce('snapshots/'),
    beside: ['uploader'],
  },
];
