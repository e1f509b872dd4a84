import type { AttributeText, Scenario } from './scenario.ts';

/** Begin where the scenario describes disks and memory. */
export const hardwareConditions = {
  failed: 'DiskFailed',
  scanError: 'SmartPrefail',
  memory: 'EccErrors',
} as const;

/** Its values, without those that are only drawn. */
export const valueNames = ({ name, values, generated }: AttributeText): string[] =>
  values ? Object.keys(values) : Array.from({ length: generated?.count ?? 0 }, (_, i) => `${name}-${i + 1}`);

export const conditionNamesOf = ({ conditions, hardware }: Scenario): string[] => [
  ...conditions.map(({ name }) => name),
  ...(hardware ? Object.values(hardwareConditions) : []),
];

/** What the schema alone cannot see: names that nothing has, times the wrong way round. Each names its field. */
export function crossFaults(scenario: Scenario): string[] {
  return [...attributeFaults(scenario), ...conditionFaults(scenario), ...timeFaults(scenario)];
}

function* attributeFaults(scenario: Scenario): Generator<string> {
  const known = new Map<string, Set<string>>();
  for (const [i, attribute] of scenario.attributes.entries()) {
    const at = `attributes[${i}]`;
    if (known.has(attribute.name) || attribute.name === 'site' || attribute.name === 'customer')
      yield `${at}.name is "${attribute.name}", which is taken`;
    if ((attribute.values === undefined) === (attribute.generated === undefined))
      yield `${at} needs one of values and generated`;
    if (attribute.follows && !known.has(attribute.follows.attribute))
      yield `${at}.follows.attribute is "${attribute.follows.attribute}", which is no attribute before it`;
    yield* shareFaults(attribute, at);
    known.set(attribute.name, new Set(valueNames(attribute)));
  }
  const unknown = (field: string, attribute: string, value: string | undefined): string | undefined => {
    const values = known.get(attribute);
    if (!values)
      return `${field}.attribute is "${attribute}", which is none of ${[...known.keys()].join(', ')}`;
    if (value === undefined || values.has(value)) return undefined;
    return `${field}.value is "${value}", which is no value of ${attribute}`;
  };
  const { chronic, faults, outages, hardware } = scenario;
  const said = [
    ...chronic.map(({ attribute, value }, i) => unknown(`chronic[${i}]`, attribute, value)),
    ...faults.flatMap(({ cause }, i) =>
      cause.map(({ attribute, value }, j) => unknown(`faults[${i}].cause[${j}]`, attribute, value)),
    ),
    ...faults.map(({ cause: [one, two] }, i) =>
      one && one.attribute === two?.attribute
        ? `faults[${i}].cause[1].attribute is "${two.attribute}" again; a pair is of two attributes`
        : undefined,
    ),
    ...outages.map(({ domain }, i) =>
      domain === 'site' || domain === 'customer' || known.has(domain)
        ? undefined
        : `outages[${i}].domain is "${domain}", not site, customer or an attribute`,
    ),
    ...Object.keys(hardware?.modelFactors ?? {}).map((value) =>
      hardware?.modelAttribute === undefined
        ? 'hardware.modelAttribute is missing; hardware.modelFactors needs it'
        : known.get(hardware.modelAttribute)?.has(value)
          ? undefined
          : `hardware.modelFactors has "${value}", which is no value of ${hardware.modelAttribute}`,
    ),
  ];
  yield* said.filter((line) => line !== undefined);
}

function* shareFaults({ values = {} }: AttributeText, at: string): Generator<string> {
  const entries = Object.values(values);
  const sum = entries.reduce<number>((all, entry) => all + (typeof entry === 'number' ? 0 : entry.share), 0);
  const hasWeights = entries.some((entry) => typeof entry === 'number');
  if (sum > 1 + 1e-9) yield `${at}.values has shares of ${rounded(sum)} together, more than 1`;
  else if (entries.length > 0 && !hasWeights && sum < 1 - 1e-9)
    yield `${at}.values has shares of ${rounded(sum)} together, and no weight takes the rest`;
}

function* conditionFaults(scenario: Scenario): Generator<string> {
  const all = conditionNamesOf(scenario);
  const twice = all.find((name, i) => all.indexOf(name) !== i);
  if (twice !== undefined) yield `conditions has "${twice}" twice`;
  for (const list of ['chronic', 'outages', 'bursts', 'faults'] as const)
    for (const [i, { conditions }] of scenario[list].entries())
      for (const [j, name] of conditions.entries())
        if (!all.includes(name))
          yield `${list}[${i}].conditions[${j}] is "${name}", which is none of ${all.join(', ')}`;
}

function* timeFaults({ hours, bursts, faults }: Scenario): Generator<string> {
  for (const [list, entries] of Object.entries({ bursts, faults }))
    for (const [i, { startHour, endHour }] of entries.entries()) {
      if (endHour <= startHour)
        yield `${list}[${i}].endHour is ${endHour}, more than its startHour ${startHour} is allowed`;
      if (endHour > hours) yield `${list}[${i}].endHour is ${endHour}, at most hours (${hours}) is allowed`;
    }
  const twice = faults.findIndex(({ id }, i) => faults.findIndex((other) => other.id === id) !== i);
  if (twice >= 0) yield `faults[${twice}].id is "${faults[twice]?.id}" again`;
}

const rounded = (share: number): number => Number(share.toFixed(6));
