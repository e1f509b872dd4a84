import type { Program } from './machine.ts';
import { collector, deleter, restorer, resumedUploader, uploader } from './programs.ts';
import { Repository } from './repository.ts';
import { searchOrders, type SearchResult } from './search.ts';

/** Programs that run at the same time on a repository with one snapshot, which the others need or delete. */
const programs = {
  uploader: (parentId) => uploader({ seed: 9, parentId }),
  'another uploader': (parentId) => uploader({ seed: 8, parentId }),
  /** Its snapshot's id sorts before the parent's. */
  'early uploader': (parentId) => uploader({ seed: 9, parentId, timeMs: 0 }),
  /** The answer of one of its writes gets lost. */
  'unlucky uploader': (parentId) => uploader({ seed: 9, parentId, mayLoseAnswers: true }),
  'resumed uploader': (parentId) => resumedUploader({ parentId, secondParentId: parentId }),
  'unlucky resumed uploader': (parentId) =>
    resumedUploader({ parentId, secondParentId: parentId, mayLoseAnswers: true }),
  'forgetful resumed uploader': (parentId) =>
    resumedUploader({ parentId, secondParentId: parentId, forgets: true }),
  /** Its second run has no parent any more. */
  'orphaned resumed uploader': (parentId) => resumedUploader({ parentId, secondParentId: undefined }),
  restorer,
  deleter,
  collector: () => collector({ isHasty: false }),
  'hasty collector': () => collector({ isHasty: true }),
  'page-turning collector': () => collector({ isHasty: false, turnsPages: true }),
} satisfies Record<string, (parentId: string) => Program>;

export type ProgramName = keyof typeof programs;

export interface Scenario {
  programs: ProgramName[];
  /** @default no limit: every order */
  preemptionsMax?: number;
  /** Searches what makes no difference, too. */
  isUnreduced?: boolean;
  /** Takes more than a few seconds: not in `npm test`. */
  isLong?: boolean;
}

export const scenarios: Scenario[] = [
  { programs: ['deleter', 'collector'] },
  { programs: ['restorer', 'deleter', 'collector', 'collector'] },
  { programs: ['restorer', 'deleter', 'hasty collector', 'hasty collector'] },
  { programs: ['unlucky uploader', 'hasty collector'] },
  { programs: ['unlucky uploader', 'deleter', 'collector'] },
  { programs: ['forgetful resumed uploader', 'hasty collector'] },
  { programs: ['orphaned resumed uploader', 'hasty collector'] },
  { programs: ['early uploader', 'deleter', 'collector'] },
  { programs: ['early uploader', 'deleter', 'collector', 'page-turning collector'], preemptionsMax: 2 },
  { programs: ['uploader', 'hasty collector', 'hasty collector'] },
  {
    programs: ['uploader', 'another uploader', 'restorer', 'deleter', 'collector', 'collector'],
    preemptionsMax: 1,
  },
  { programs: ['early uploader', 'deleter', 'collector', 'page-turning collector'], isLong: true },
  { programs: ['uploader', 'another uploader', 'hasty collector'], isLong: true },
  { programs: ['unlucky resumed uploader', 'hasty collector'], isLong: true },
  { programs: ['resumed uploader', 'deleter', 'hasty collector'], isLong: true },
  { programs: ['forgetful resumed uploader', 'deleter', 'hasty collector'], isLong: true },
  { programs: ['orphaned resumed uploader', 'deleter', 'hasty collector'], isLong: true },
  { programs: ['uploader', 'another uploader', 'deleter', 'collector'], isLong: true },
  { programs: ['uploader', 'restorer', 'deleter', 'collector', 'collector'], isLong: true },
  { programs: ['uploader', 'another uploader', 'restorer', 'collector', 'collector'], isLong: true },
  {
    programs: ['uploader', 'another uploader', 'restorer', 'deleter', 'collector', 'collector'],
    preemptionsMax: 3,
    isLong: true,
  },
];

/** `change` puts another program in the place of one. Throws with the steps where something is lost. */
export async function searchScenario(
  scenario: Scenario,
  change: (program: Program, name: ProgramName) => Program = (program) => program,
): Promise<SearchResult> {
  const { keySet, before, parentId, check, checkOutcome, checkEnd, judgedWith } = await Repository.prepare();
  const made = new Map<ProgramName, Program>();
  for (const name of scenario.programs)
    if (!made.has(name)) made.set(name, change(programs[name](parentId), name));
  return searchOrders({
    keySet,
    before,
    programs: scenario.programs.map((name) => made.get(name)!),
    preemptionsMax: scenario.preemptionsMax,
    isUnreduced: scenario.isUnreduced,
    check,
    checkOutcome,
    judgedWith,
    checkEnd,
  });
}

export const titleOf = ({ programs: names, preemptionsMax }: Scenario): string =>
  names.join(', ') + (preemptionsMax === undefined ? '' : `, with at most ${preemptionsMax} preemptions`);
