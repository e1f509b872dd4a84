import { afterTwoTicks, sceneFleet, type Scene } from '../../support/patterns.ts';

const customers = 12_000;
const named = (scene: Pick<Scene, 'values' | 'failing'>): (string | undefined)[] => {
  const { patterns } = afterTwoTicks(sceneFleet({ customers, ...scene }));
  return patterns.map(
    ({ value, within, indistinguishable }) =>
      [value, within?.value].join(' in ') + indistinguishable.map((other) => ` or ${other.value}`).join(''),
  );
};
const first = (g: number) => g === 0 && 5;

describe('a pair of which one side contains another value', () => {
  /** Model m of 1,200 customers, 300 on version 2.0; its firmware f of 480, and 210 of those 300. */
  const values = (c: number) => ({
    version: (c < 1200 ? c < 300 : c % 4 === 0) ? '2.0' : '1.0',
    model: c < 1200 ? 'm' : 'n',
    firmware: c >= 1200 ? 'n1' : c < 210 || (c >= 300 && c < 570) ? 'f' : 'm1',
  });
  const background = (c: number) => c >= 1200 && c % 61 === 0;

  test('is named by what fails under the second value, not by what looks stronger because less dilutes it', () => {
    const failing = (c: number, g: number) => ((c < 300 && c % 5 === 0) || background(c)) && first(g);
    expect(named({ values, failing })).toEqual(['m in 2.0']);
  });
  test('is named by the firmware where that alone fails', () => {
    const failing = (c: number, g: number) => ((c < 210 && c % 5 === 0) || background(c)) && first(g);
    expect(named({ values, failing })).toEqual(['f in 2.0']);
  });
});

test('what fails under the second value for itself does not take the place of the first', () => {
  // Under 2.0 disk a fails, and card b, which stands out more there, and in the fleet too; one customer has both.
  const values = (c: number) => ({
    version: c < 150 || (c >= 200 && c < 300) || (c >= 6200 && c < 11_950) ? '2.0' : '1.0',
    disk: c < 200 ? 'a' : 'c',
    card: c === 0 || (c >= 200 && c < 1400) ? 'b' : 'd',
  });
  const failing = (c: number, g: number) =>
    ((c < 150 && c % 10 < 3) || (c >= 200 && c < 300 && c % 10 < 6) || (c >= 300 && c % 61 === 0)) &&
    first(g);
  expect(named({ values, failing })[0]).toBe('a in 2.0');
});

describe('the first of a pair', () => {
  /** Version m fails under cell s; beside them each customer has gateways of each of so many regions. */
  const scene = (regions: number) =>
    sceneFleet({
      customers: 300,
      gateways: () => 80,
      values: (c, g) => ({
        version: c < 80 ? 'm' : 'n',
        cell: c < 40 || c % 4 === 0 ? 's' : 't',
        ...Object.fromEntries(
          ['region', 'isp', 'os', 'kernel'].map((name) => [name, `${name} ${g % regions}`]),
        ),
      }),
      failing: (c) => c < 40 && 5,
    });
  /** How often a column is looked into while patterns are found. */
  const readsOf = (regions: number): { reads: number; found: string[] } => {
    const fleet = scene(regions);
    let reads = 0;
    const columns = fleet.columns.map(
      (column) =>
        new Proxy(column, {
          get: (target, name) => {
            reads += 1;
            const value: unknown = Reflect.get(target, name, target);
            return typeof value === 'function' ? (value as () => unknown).bind(target) : value;
          },
        }),
    );
    const { patterns } = afterTwoTicks({ ...fleet, columns });
    return { reads, found: patterns.map(({ value, within }) => `${value} in ${within?.value}`) };
  };

  test('takes one pass over the fleet, and not one for each value that others have in common', () => {
    const [few, many] = [readsOf(2), readsOf(80)];
    expect(many.found).toEqual(few.found);
    expect(many.found).toHaveLength(1);
    expect(many.reads / few.reads).toBeLessThan(2);
  });
});
