import { AsyncLocalStorage } from 'node:async_hooks';

/** What DynamoDB says that its answers cost, added up for one invocation. */
export interface Usage {
  readUnits: number;
  writeUnits: number;
}

/** An environment may handle several events at once: each has a count of its own. */
const counted = new AsyncLocalStorage<Usage>();

/** Adds to the count of the invocation that the call is a part of, if it is of one. */
export function addUsage(kind: keyof Usage, units: number | undefined): void {
  const usage = counted.getStore();
  if (usage) usage[kind] += units ?? 0;
}

/** Runs `work` with a count that begins at nothing and grows with each answer. */
export function countUsage<T>(work: (usage: Readonly<Usage>) => T): T {
  const usage: Usage = { readUnits: 0, writeUnits: 0 };
  return counted.run(usage, () => work(usage));
}
