/** What none of the seeds may show, and how often each was seen. */
export const violationMeanings = {
  lost: 'events that an alert made and that never reached the subscriber',
  invented: 'events that reached the subscriber and that no stored alert ever made',
  doubled: 'firings of what was told to fire already, and resolves of what was told to be over',
  unresolved: 'firings that were told and have no resolve once everything is well',
  untold: 'what fires, unheld, and was not told once nothing fails any more',
  unheld: 'firings and reminders that were told while a silence or a window held them',
  nagging: 'reminders of what is acknowledged or unknown, that came too soon, or that are too many',
  guessed: 'resolves that say “clear” of what no fresh status said so',
  stuck: 'alerts that are still open, or have events to emit, once everything is well',
  unexpected: 'errors that no fault explains',
} as const;
export type ViolationName = keyof typeof violationMeanings;
export const violationNames = Object.keys(violationMeanings) as ViolationName[];
const keptMax = 20;

type Violations = Record<ViolationName, number>;
/** How far the schedules went. */
const reachedNames = [
  'seeds',
  'ticks',
  'firings',
  'reminders',
  'escalations',
  'resolves',
  'digests',
  'holds',
  'acknowledgements',
  'removals',
  'crashes',
  'conflicts',
  'refusedEntries',
  'redeliveries',
  'reorderings',
] as const;
export type Reached = Record<(typeof reachedNames)[number], number>;
const zeros = <Name extends string>(names: readonly Name[]) =>
  Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;

/** Sums over seeds, as they come from a thread. */
export interface TallyFields {
  violations: Violations;
  reached: Reached;
  /** The first violations, in words. */
  first: string[];
}

export class Tally implements TallyFields {
  readonly violations: Violations = zeros(violationNames);
  readonly reached: Reached = zeros(reachedNames);
  first: string[] = [];

  fail(name: ViolationName, what: string): void {
    this.violations[name] += 1;
    if (this.first.length < keptMax) this.first.push(`${name}: ${what}`);
  }

  get violationCount(): number {
    return violationNames.reduce((sum, name) => sum + this.violations[name], 0);
  }

  add({ violations, reached, first }: TallyFields): void {
    for (const name of violationNames) this.violations[name] += violations[name];
    for (const name of reachedNames) this.reached[name] += reached[name];
    this.first = [...this.first, ...first].slice(0, keptMax);
  }
}
