import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commandFor, playFor } from '../../admin/playbook.ts';
import { parsePlaybook, readPlaybook } from '../../admin/playbook-file.ts';
import { playbookSchema } from '../../admin/playbook-schema.ts';
import { conditions } from '../../core/conditions/conditions.ts';
import { alertView, playOf } from './admin-world.ts';

const restore = `{ kind: restore.start, params: { volumeId: $component } }`;
/** A playbook of one play; each line that a test adds is its sixth. */
const withLine = (line: string): string => `version: 1
plays:
  - condition: VolumeIrrecoverable
    command:
      ${restore}
    ${line}
`;
const faultsOf = (text: string): string[] => {
  const parsed = parsePlaybook(text);
  return 'problems' in parsed
    ? parsed.problems.map(({ line, column, message }) => `${line}:${column}: ${message}`)
    : [];
};

describe('the playbook that comes with Holdfast', () => {
  test('answers every condition, or says why it is left to people', async () => {
    const { plays, none } = await readPlaybook('admin/playbooks/default.yaml');
    const named = [...new Set(plays.map(({ condition }) => condition)), ...Object.keys(none)];
    expect(named.sort()).toEqual(conditions.map(({ id }) => id).sort());
  });

  test('heals by what the conditions suggest, and nothing else', async () => {
    const { plays } = await readPlaybook('admin/playbooks/default.yaml');
    const heals = plays.filter(({ purpose }) => purpose === 'heal');
    for (const { condition, command } of heals)
      expect(conditions.find(({ id }) => id === condition)?.suggested?.kind).toBe(command.kind);
    expect(heals.length).toBeGreaterThan(0);
  });
});

describe('a fault is told with the line and column where it stands:', () => {
  test.each([
    ['maxTries: 3', /^6:15: plays\[0\]\.maxTries is 3, at most 2 is allowed$/],
    ['cooldwn: 5m', /^6:5: there is no "cooldwn" in plays\[0\]$/],
    ['cooldown: soon', /^6:15: .*a duration such as 90s, 15m, 24h or 7d$/],
    ['giveUpAfter: 90d', /^6:18: .*60s to 30d are allowed$/],
    ['when: { maintenance: never }', /^6:26: .*"never", not one of outside, inside, any$/],
    [
      "when: { during: { timeZone: Oslo, windows: [{ days: [mon], from: '01:00', to: '02:00' }] } }",
      /^6:33: .*a time zone such as Europe\/Oslo$/,
    ],
    ['when: { volume: { states: [broken] } }', /^6:32: .*"broken", not one of healthy/],
    ['match: { severities: [] }', /^6:26: .*has 0 entries, at least 1/],
    ['gatewaysAtOnce: 0', /^6:21: .*at least 1/],
  ])('%s', (line, fault) => {
    expect(faultsOf(withLine(line))).toEqual([expect.stringMatching(fault)]);
  });

  test.each([
    [
      'a condition that is none',
      '  - condition: DiskOnFire\n    command: { kind: probe }',
      /^3:16: .*"DiskOnFire"; `npx holdfast alerts conditions list` lists them$/,
    ],
    [
      'a condition that is nearly one',
      '  - condition: VolumeIrrecovrable\n    command: { kind: probe }',
      /^3:16: .*no condition "VolumeIrrecovrable"; did you mean VolumeIrrecoverable\?$/,
    ],
    [
      'a command that is none',
      '  - condition: FsFull\n    command: { kind: rm }',
      /^4:22: .*"rm", not one of/,
    ],
    [
      'a parameter that the command has not',
      `  - condition: VolumeIrrecoverable\n    command: { kind: restore.start, params: { volumeId: a, force: true } }`,
      /^4:45: .*"force" in restore.start/,
    ],
    [
      'a missing parameter',
      '  - condition: VolumeIrrecoverable\n    command: { kind: restore.start }',
      /^4:14: .*volumeId is missing/,
    ],
    [
      'another placeholder',
      '  - condition: FsFull\n    command: { kind: probe, params: { echo: $summary } }',
      /^4:45: .*only \$component/,
    ],
    [
      'a component that is no volume',
      `  - condition: FsFull\n    command: ${restore}`,
      /^4:57: .*FsFull is about a filesystem/,
    ],
    [
      'a volume of what has none',
      '  - condition: ClockSkew\n    command: { kind: probe }\n    when: { volume: { hasSnapshot: true } }',
      /^5:21: .*ClockSkew is about a gateway/,
    ],
    [
      'a play below one that takes everything',
      '  - condition: FsFull\n    command: { kind: probe }\n  - condition: FsFull\n    command: { kind: probe }',
      /^5:5: .*never reached: plays\[0\] takes every FsFull/,
    ],
    [
      'an answered condition that is left to people',
      '  - condition: FsFull\n    command: { kind: probe }\nnone: { FsFull: no }',
      /^5:17: .*plays\[0\] is for FsFull/,
    ],
  ])('%s', (_, plays, fault) => {
    expect(faultsOf(`version: 1\nplays:\n${plays}\n`)).toEqual([expect.stringMatching(fault)]);
  });

  test.each([
    ['nothing', '', /^1:1: the playbook is null/],
    ['what is no YAML', 'version: 1\nplays: [\n', /^3:1: Flow sequence/],
    ['the same word twice', 'version: 1\nversion: 1\nplays: []', /^2:1: Map keys must be unique/],
    ['a tag that makes something of it', 'version: 1\nplays: !!js/function "x"', /^2:8: Unresolved tag/],
    ['two documents', 'version: 1\nplays: []\n---\nversion: 1\n', /^3:1: .*multiple documents/],
    [
      'aliases that stand for more than a machine has',
      `a: &a [${'x,'.repeat(20)}]\nb: &b [${'*a,'.repeat(20)}]\nc: &c [${'*b,'.repeat(20)}]\nd: [${'*c,'.repeat(20)}]`,
      /^1:1: Excessive alias count/,
    ],
  ])('%s', (_, text, fault) => {
    expect(faultsOf(text)[0]).toMatch(fault);
  });

  test('all of them are told, in the order of the file, and the first one where a playbook is read', async () => {
    const text = `version: 2\n${withLine('maxTries: 3').slice('version: 1\n'.length)}none: { Oflline: x }\n`;
    expect(faultsOf(text).map((fault) => fault.split(':')[0])).toEqual(['1', '6', '7']);
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-playbook-'));
    const file = join(dir, 'p.yaml');
    await writeFile(file, text);
    const failure = await readPlaybook(file).catch((thrown: unknown) => thrown);
    await rm(dir, { recursive: true });
    expect(failure).toMatchObject({
      code: 'CONFIG',
      message: `${file}:1:10: version is 2, not "1" (and 2 more)`,
    });
  });
});

test('JSON is a playbook too', () => {
  const play = { condition: 'FsFull', command: { kind: 'diagnostics.collect' } };
  expect(faultsOf(JSON.stringify({ version: 1, plays: [play] }, null, '\t'))).toEqual([]);
});

test('the first play that is for the alert is taken', () => {
  const one = { condition: 'VolumeIrrecoverable', command: { kind: 'probe' } };
  const playbook = playbookSchema.parse({
    version: 1,
    plays: [
      { ...one, match: { gatewayIds: ['gw-9'] } },
      { ...one, match: { gatewayNames: ['Bergen*'] } },
      { ...one, match: { severities: ['critical'], components: ['vol-1'] } },
      one,
    ],
  });
  const indexFor = (over: object, name?: string) =>
    playbook.plays.indexOf(playFor(playbook, alertView(over), name)!);
  expect(indexFor({ gatewayId: 'gw-9' })).toBe(0);
  expect(indexFor({}, 'Bergen 3')).toBe(1);
  expect(indexFor({}, 'Oslo 1')).toBe(2);
  expect(indexFor({ severity: 'info' })).toBe(3);
  expect(indexFor({ component: 'vol-2' })).toBe(3);
  expect(indexFor({ conditionId: 'FsFull' })).toBe(-1);
});

test('a parameter takes a whole field of the alert, and nothing that is no such parameter', () => {
  expect(commandFor(playOf(), alertView())).toEqual({ kind: 'restore.start', params: { volumeId: 'vol-1' } });
  const suggested = playOf({
    command: { kind: 'restore.start', params: { volumeId: '$suggested.volumeId' } },
  });
  expect(commandFor(suggested, alertView()).params).toEqual({ volumeId: 'vol-1' });
  for (const [play, alert] of [
    [playOf(), alertView({ component: 'x"; rm -rf /' })],
    [playOf(), alertView({ component: '' })],
    [suggested, alertView({ suggested: undefined })],
  ] as const)
    expect(() => commandFor(play, alert)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }));
});
