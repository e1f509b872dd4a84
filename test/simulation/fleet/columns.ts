import { Chance, runningSums } from './chance.ts';
import type { AttributeText } from './scenario.ts';
import { valueNames } from './scenario-checks.ts';

/** One attribute of the whole fleet. `of[gateway]` is an index into `values`, or -1 where it carries none. */
export interface Column {
  readonly name: string;
  readonly values: readonly string[];
  readonly of: Int16Array;
}

interface Places {
  readonly gatewayCount: number;
  readonly customerOf: Int32Array;
  readonly siteOf: Int32Array;
}

/** A customer draws a value, a site mostly takes its customer's, a gateway mostly its site's. */
export function columnOf(
  attribute: AttributeText,
  earlier: readonly Column[],
  { gatewayCount, customerOf, siteOf }: Places,
  seed: number,
): Column {
  const chance = new Chance(seed, `attribute ${attribute.name}`);
  const parent = earlier.find(({ name }) => name === attribute.follows?.attribute);
  const values = valueNames(attribute);
  const draw = drawOf(attribute, values.length, parent?.values.length ?? 0, chance);
  const of = new Int16Array(gatewayCount);
  let [customer, customerParent, customerValue] = [-1, -1, -1];
  let [site, siteParent, siteValue] = [-1, -1, -1];
  for (let i = 0; i < gatewayCount; i++) {
    const above = parent ? parent.of[i]! : -1;
    if (customerOf[i] !== customer)
      [customer, customerParent, customerValue] = [customerOf[i]!, above, draw(above)];
    if (siteOf[i] !== site) {
      const takes = above === customerParent && chance.is(attribute.ofCustomer);
      [site, siteParent, siteValue] = [siteOf[i]!, above, takes ? customerValue : draw(above)];
    }
    // Where the followed attribute differs from the site's, so may this one: a kernel comes with its version.
    const takes = above === siteParent && chance.is(attribute.ofSite);
    of[i] = takes ? siteValue : draw(above);
  }
  return { name: attribute.name, values, of };
}

/** Draws by weight; `strength` of the draws stay with the values that are at home where the followed value is. */
function drawOf(
  attribute: AttributeText,
  count: number,
  parentCount: number,
  chance: Chance,
): (parentValue: number) => number {
  const weights = weightsOf(attribute);
  const all = runningSums(weights);
  const { strength = 0 } = attribute.follows ?? {};
  const homes = Array.from({ length: parentCount }, (_, parentValue) =>
    runningSums(
      weights.map((weight, value) =>
        (count >= parentCount ? value % parentCount === parentValue : parentValue % count === value)
          ? weight
          : 0,
      ),
    ),
  );
  return (parentValue) => {
    if (!chance.is(attribute.carriedShare)) return -1;
    const home = homes[parentValue];
    return chance.pick(home && chance.is(strength) ? home : all);
  };
}

/** Each value's share of the draws. */
function weightsOf({ values, generated }: AttributeText): number[] {
  if (!values)
    return Array.from({ length: generated?.count ?? 0 }, (_, i) => (i + 1) ** -(generated?.skew ?? 0));
  const entries = Object.values(values);
  const weightSum = entries.reduce<number>((sum, entry) => sum + (typeof entry === 'number' ? entry : 0), 0);
  const shareSum = entries.reduce<number>(
    (sum, entry) => sum + (typeof entry === 'number' ? 0 : entry.share),
    0,
  );
  return entries.map((entry) =>
    typeof entry === 'number' ? (entry / weightSum) * (1 - shareSum) : entry.share,
  );
}
