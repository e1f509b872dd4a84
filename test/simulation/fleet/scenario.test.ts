import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { z } from 'zod';
import { defaultScenario } from './default-scenario.ts';
import type { Report } from './report.ts';
import { parseScenario, scenarioSchema, type ScenarioText } from './scenario.ts';

const page = await readFile(new URL('../../../docs/fleet-simulator.md', import.meta.url), 'utf8');
const example = JSON.parse(/```json\n([^]*?)```/.exec(page)![1]!) as ScenarioText;
const script = fileURLToPath(new URL('run.ts', import.meta.url));
const run = (...flags: string[]) => promisify(execFile)(process.execPath, [script, ...flags]);

/** Each field's path, with its default as the page writes it. */
function fieldsOf(schema: unknown, path: string, otherwise = 'required'): [path: string, text: string][] {
  if (schema instanceof z.ZodPrefault) return fieldsOf(schema.unwrap(), path);
  if (schema instanceof z.ZodOptional) return fieldsOf(schema.unwrap(), path, 'none');
  if (schema instanceof z.ZodDefault)
    return fieldsOf(schema.unwrap(), path, `\`${JSON.stringify(schema.def.defaultValue)}\``);
  if (schema instanceof z.ZodArray && schema.element instanceof z.ZodObject)
    return fieldsOf(schema.element, `${path}[]`);
  if (schema instanceof z.ZodObject)
    return Object.entries(schema.shape).flatMap(([name, inner]) =>
      fieldsOf(inner, path ? `${path}.${name}` : name),
    );
  return [[path, otherwise]];
}

describe('a scenario', () => {
  it('is documented field by field, with every default', () => {
    const rows = [...page.matchAll(/^\| `([\w.[\]]+)` +\| (required|none|`[^`]+`) +\|/gm)];
    const listed = rows.map(([, path, text]) => [path, text]);
    const order = (rows: unknown[]) => rows.map((row) => JSON.stringify(row)).sort();
    expect(order(listed)).toEqual(order(fieldsOf(scenarioSchema, '')));
  });

  it('is accepted as the page and the built-in one have it', () => {
    expect(parseScenario(example, 'the page').faults).toHaveLength(2);
    expect(parseScenario(defaultScenario, 'it').faults).toHaveLength(6);
  });

  const fault = example.faults![0]!;
  it.each<[Record<string, unknown>, string]>([
    [{ attributes: undefined }, 'attributes is missing'],
    [{ hour: 3 }, 'there is no "hour" in the scenario'],
    [{ faults: [{ ...fault, added: 1.5 }] }, 'faults[0].added is 1.5, at most 1 is allowed'],
    [{ faults: [{ ...fault, begins: 1 }] }, 'there is no "begins" in faults[0]'],
    [
      { faults: [{ ...fault, cause: [{ attribute: 'os' }] }] },
      'faults[0].cause[0].attribute is "os", which is none of region, isp, version, hypervisor',
    ],
    [
      { faults: [{ ...fault, cause: [{ attribute: 'version', value: '9' }] }] },
      'faults[0].cause[0].value is "9", which is no value of version',
    ],
    [
      { faults: [{ ...fault, cause: [{ attribute: 'version' }, { attribute: 'version' }] }] },
      'faults[0].cause[1].attribute is "version" again',
    ],
    [
      { faults: [{ ...fault, conditions: ['Slow'] }] },
      'faults[0].conditions[0] is "Slow", which is none of Offline, BlockLatency, DiskFailed',
    ],
    [{ faults: [{ ...fault, endHour: 2 }] }, 'faults[0].endHour is 2, more than its startHour 2 is allowed'],
    [{ faults: [{ ...fault, endHour: 13 }] }, 'faults[0].endHour is 13, at most hours (12) is allowed'],
    [{ faults: [fault, fault] }, 'faults[1].id is "release" again'],
    [
      { chronic: [{ attribute: 'isp', value: 'isp-31', conditions: ['Offline'], factor: 2 }] },
      'chronic[0].value is "isp-31", which is no value of isp',
    ],
    [
      { outages: [{ domain: 'rack', perYear: 1, minutes: 5, conditions: ['Offline'] }] },
      'outages[0].domain is "rack", not site, customer or an attribute',
    ],
    [
      { attributes: [{ name: 'isp', values: { a: 1 }, follows: { attribute: 'region', strength: 1 } }] },
      'attributes[0].follows.attribute is "region", which is no attribute before it',
    ],
    [{ attributes: [{ name: 'isp' }] }, 'attributes[0] needs one of values and generated'],
    [{ attributes: [{ name: 'site', values: { a: 1 } }] }, 'attributes[0].name is "site", which is taken'],
    [
      { attributes: [{ name: 'isp', values: { a: { share: 0.7 }, b: { share: 0.6 } } }] },
      'attributes[0].values has shares of 1.3 together, more than 1',
    ],
    [
      { attributes: [{ name: 'isp', values: { a: { share: 0.5 } } }] },
      'attributes[0].values has shares of 0.5 together, and no weight takes the rest',
    ],
    [{ hardware: { modelFactors: { a: 2 } } }, 'hardware.modelAttribute is missing'],
    [
      { hardware: { modelAttribute: 'isp', modelFactors: { a: 2 } } },
      'hardware.modelFactors has "a", which is no value of isp',
    ],
    [{ customers: { sizes: { kind: 'many' } } }, 'customers.sizes'],
  ])('is refused with the name of the field: %j', (change, message) => {
    const refused = () => parseScenario({ ...example, ...change }, 'faults.json');
    expect(refused).toThrow(`faults.json: ${message}`);
    expect(refused).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
  });
});

describe('npm run simulate:fleet', () => {
  let folder: string;
  beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'fleet-'))));
  afterAll(() => rm(folder, { recursive: true }));

  async function scenarioFile(text: string): Promise<string> {
    const file = join(folder, 'scenario.json');
    await writeFile(file, text);
    return file;
  }

  it('prints truth and score of each seed as JSON, the same every time', async () => {
    const file = await scenarioFile(JSON.stringify({ ...example, warmUpHours: 2 }));
    const flags = ['--gateways', '3000', '--seed', '5', '--seeds', '2', '--scenario', file, '--json'];
    const report = async () => JSON.parse((await run(...flags)).stdout) as Report;
    const first = await report();
    expect(first).toMatchObject({ gateways: 3_000, seed: 5, seeds: 2, scoredDays: 1 });
    expect(first.truth.map(({ seed, faults }) => [seed, faults.length])).toEqual([
      [5, 2],
      [6, 2],
    ]);
    const { baseline, holdfast } = first.detectors;
    expect(first).toMatchObject(holdfast!);
    expect(baseline!.found.map(({ seed }) => seed)).toEqual([5, 6]);
    expect(baseline!.right).toBeGreaterThan(0);
    const again = await report();
    expect(again.truth).toEqual(first.truth);
    expect(again.detectors['baseline']!.found).toEqual(baseline!.found);
  });

  it('runs days without faults, with what else happens on each', async () => {
    const file = await scenarioFile(JSON.stringify({ ...example, warmUpHours: 2 }));
    const { stdout } = await run('--gateways', '500', '--null-days', '2', '--scenario', file, '--json');
    const report = JSON.parse(stdout) as Report;
    expect(report).toMatchObject({ nullDays: 2, scoredDays: 2 });
    expect(report.truth[0]!.faults).toEqual([]);
    expect(report.truth[0]!.bursts.map(({ startWindow }) => startWindow)).toEqual([28, 124]);
    expect(report.detectors['baseline']).toMatchObject({ recall: null, topOne: null });
  });

  it.each([
    ['{', 65, /scenario\.json is not JSON/],
    ['{"attributes": []}', 65, /attributes has 0 entries, at least 1 is allowed/],
  ])('ends with one line where the scenario is %s', async (text, code, message) => {
    const file = await scenarioFile(text);
    const { stderr, ...failed } = (await run('--scenario', file).catch((error: unknown) => error)) as {
      code: number;
      stderr: string;
    };
    expect(failed.code).toBe(code);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});
