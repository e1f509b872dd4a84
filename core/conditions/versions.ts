/** Order of two versions `1.2.3` or `1.2.3-rc.1`: negative when `a` is older. What cannot be read is oldest. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parsed(a), parsed(b)];
  if (!left || !right) return Number(left !== undefined) - Number(right !== undefined);
  for (const i of [0, 1, 2] as const)
    if (left.numbers[i] !== right.numbers[i]) return left.numbers[i] - right.numbers[i];
  // A pre-release comes before its release.
  if (left.pre === right.pre) return 0;
  if (left.pre === undefined) return 1;
  if (right.pre === undefined) return -1;
  return left.pre.localeCompare(right.pre, 'en', { numeric: true });
}

/** A fleet has few versions, and asks for them with each of its gateways. */
const known = new Map<string, ReturnType<typeof parse>>();
const knownMax = 1_000;

function parsed(version: string): ReturnType<typeof parse> {
  let found = known.get(version);
  if (found || known.has(version)) return found;
  if (known.size >= knownMax) known.clear();
  known.set(version, (found = parse(version)));
  return found;
}

function parse(version: string): { numbers: [number, number, number]; pre: string | undefined } | undefined {
  const match = /^v?(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:-([0-9A-Za-z.-]+))?(?:\+.*)?$/.exec(version);
  if (!match) return undefined;
  return { numbers: [Number(match[1]), Number(match[2]), Number(match[3])], pre: match[4] };
}
