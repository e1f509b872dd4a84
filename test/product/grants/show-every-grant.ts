import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pLimit from 'p-limit';
import { grantNamesByRole } from './grant-names.ts';
import { Stage } from './stage.ts';
import type { Stories } from './stories.ts';

/** Roles whose stories are told at the same time; those of one role are told one after the other. */
const rolesAtOnce = 3;
/** Of all stories of a role. */
const timeoutMs = 180_000;

/** Grant → what was refused to the function without it. */
type Told = Map<string, PromiseSettledResult<Refused>>;
interface Refused {
  all: string[];
  /** What the function does not lack. */
  others: string[];
}

/** Boots once, and tells each story to a function that lacks the one grant that the story is about. */
export function showEveryGrant(stack: 'home' | 'cell-1', stories: Stories): void {
  let stage: Stage | undefined;
  const told = new Map<string, Promise<Told>>();
  beforeAll(async () => {
    const started = (stage = await Stage.start());
    const namesByRole = await grantNamesByRole();
    const limit = pLimit(rolesAtOnce);
    for (const [of, rows] of Object.entries(stories))
      told.set(
        of,
        limit(() => tellAll(started, stack, of, rows, namesByRole.get(`${stack}/${of}`) ?? [])),
      );
  }, timeoutMs);
  afterAll(() => stage?.stop());

  describe.each(Object.entries(stories))(`${stack}/%s`, (of, rows) => {
    it.each(Object.keys(rows))(
      'says that it may not %s',
      async (grant) => {
        const outcome = (await told.get(of)!).get(grant)!;
        if (outcome.status === 'rejected') throw outcome.reason;
        expect(outcome.value).toEqual({ all: [expect.stringContaining(grant.split(' ')[0]!)], others: [] });
      },
      timeoutMs,
    );
  });
}

async function tellAll(
  stage: Stage,
  stack: string,
  of: string,
  rows: Stories[string],
  names: string[],
): Promise<Told> {
  const told: Told = new Map();
  for (const [grant, story] of Object.entries(rows)) {
    const telling = tell(stage, stack, of, names.indexOf(grant), story);
    const [outcome] = await Promise.allSettled([telling]);
    told.set(grant, outcome);
  }
  return told;
}

async function tell(
  stage: Stage,
  stack: string,
  of: string,
  index: number,
  story: Stories[string][string],
): Promise<Refused> {
  if (index < 0) throw new Error(`${stack}/${of} is granted no such thing`);
  const understudy = stage.understudy(stack, of, index);
  const afterwards = await story(stage, understudy);
  const all = await stage.refusedTo(understudy.name);
  if (typeof afterwards === 'function') await (afterwards as () => Promise<unknown>)();
  return { all, others: all.filter((refused) => !stage.isLackedBy(stack, of, index, refused)) };
}
