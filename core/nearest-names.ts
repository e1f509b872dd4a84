/** What is compared of what was typed; names are shorter. */
const comparedCharsMax = 64;
const shownMax = 3;
/** With fewer letters nearly everything contains it. */
const partCharsMin = 3;

/** Those of `names` that somebody may have meant by `given`, the nearest first: at most three, and none that is far off. */
export function nearestNames(given: string, names: readonly string[]): string[] {
  const wanted = given.slice(0, comparedCharsMax).toLowerCase();
  const farMax = Math.max(1, Math.floor(wanted.length / 3));
  return names
    .map((name) => ({ name, far: distance(wanted, name.toLowerCase()) }))
    .filter(({ far }) => far <= farMax)
    .toSorted((a, b) => a.far - b.far)
    .slice(0, shownMax)
    .map(({ name }) => name);
}

/** What to do about a name that is none: `did you mean Offline?`, or where nothing is near, `otherwise`. */
export function didYouMean(given: string, names: readonly string[], otherwise: string): string {
  const near = nearestNames(given, names);
  return near.length > 0 ? `did you mean ${near.join(' or ')}?` : otherwise;
}

/** How many letters must be added, removed or changed to make `b` of `a`; a part of `b` is next to it. */
function distance(a: string, b: string): number {
  if (a.length >= partCharsMin && b.includes(a)) return a === b ? 0 : 1;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(changed, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
