/** What none of the seeds may show, and how often each was seen. */
export const violationMeanings = {
  lost: 'commands that were promised to whoever sent them, and are not there any more',
  startedTwice: 'commands that must not run twice and were started twice',
  superseded: 'what a connection did, or had done, after a newer one had taken its place',
  nonTerminal: 'commands without a final state in the end',
  stranded:
    'commands that nobody posted though their gateway was there, where nothing but the sweeper would find them',
  strayed:
    'gateways whose route is not their newest connection in the end, and start grants that nobody needs',
  contradicted:
    'final states that cannot be: succeeded without a start, expired after one, final and then another',
  unrecorded: 'commands whose submit or end is not in the audit trail, or whose end is there twice',
  unexpected: 'errors that no rule explains',
} as const;
export type ViolationName = keyof typeof violationMeanings;
export type Violations = Record<ViolationName, number>;
export const violationNames = Object.keys(violationMeanings) as ViolationName[];

/** How far the schedules went. */
export interface Reached {
  commands: number;
  starts: number;
  connections: number;
  rollovers: number;
  agentCrashes: number;
  lostJournals: number;
  clones: number;
  cutCables: number;
  functionsKilled: number;
  frames: number;
  duplicates: number;
  reordered: number;
  lostDisconnects: number;
  goneAfterDelivery: number;
  throttled: number;
}

/** Sums over seeds. */
export class Tally implements Violations, Reached {
  seeds = 0;
  commands = 0;
  lost = 0;
  startedTwice = 0;
  superseded = 0;
  nonTerminal = 0;
  stranded = 0;
  strayed = 0;
  contradicted = 0;
  unrecorded = 0;
  unexpected = 0;
  starts = 0;
  connections = 0;
  rollovers = 0;
  agentCrashes = 0;
  lostJournals = 0;
  clones = 0;
  cutCables = 0;
  functionsKilled = 0;
  frames = 0;
  duplicates = 0;
  reordered = 0;
  lostDisconnects = 0;
  goneAfterDelivery = 0;
  throttled = 0;
  /** How often each final state was reached. */
  states: Record<string, number> = {};
  /** The first violations, in words. */
  first: string[] = [];

  fail(violation: ViolationName, what: string): void {
    this[violation]++;
    if (this.first.length < keptMax) this.first.push(`${violation}: ${what}`);
  }

  get violations(): number {
    return violationNames.reduce((sum, name) => sum + this[name], 0);
  }

  add(other: TallyFields): void {
    for (const [name, value] of Object.entries(other))
      if (typeof value === 'number') this[name as NumberField] += value;
    for (const [state, count] of Object.entries(other.states))
      this.states[state] = (this.states[state] ?? 0) + count;
    this.first = [...this.first, ...other.first].slice(0, keptMax);
  }
}

/** A tally as it comes from another thread. */
export type TallyFields = Violations & Reached & Pick<Tally, 'seeds' | 'states' | 'first'>;
type NumberField = keyof Violations | keyof Reached | 'seeds';

const keptMax = 20;
