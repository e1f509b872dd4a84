/** What each difference makes of the corpus beside those before it in its list. */
export interface Explained {
  /** Ticks or looks that change. */
  moments: number;
  /** Recordings or scenes in which any does. */
  cases: number;
  /** The first of them. */
  example: string;
}

/** A case and what the model makes of it, moment by moment, as text. */
export interface Modelled<Id> {
  name: string;
  model: (differences: ReadonlySet<Id>) => readonly string[];
}

export function explainedBy<Id extends string>(
  ids: readonly Id[],
  cases: readonly Modelled<Id>[],
): Map<Id, Explained> {
  const sums = new Map(ids.map((id) => [id, { moments: 0, cases: 0, example: '' }]));
  for (const { name, model } of cases) {
    let before = model(new Set());
    for (const [i, [, sum]] of [...sums].entries()) {
      const after = model(new Set(ids.slice(0, i + 1)));
      const moments = after.filter((text, at) => text !== before[at]).length;
      before = after;
      if (moments === 0) continue;
      sum.moments += moments;
      sum.cases += 1;
      sum.example ||= name;
    }
  }
  return sums;
}

/** Where a side does not do what the model says. */
export interface Surprise {
  of: string;
  /** Which tick or look of it. */
  at: number;
  found: string;
  predicted: string;
}

export function surprisesIn(of: string, found: readonly string[], predicted: readonly string[]): Surprise[] {
  return predicted.flatMap((text, at) =>
    text === found[at] ? [] : [{ of, at, found: found[at] ?? 'nothing', predicted: text }],
  );
}
