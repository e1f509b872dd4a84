import { gunzipSync } from 'node:zlib';
import {
  collectBundle,
  type CollectDeps,
  type SectionSources,
} from '../../../agent/diagnostics/collect-bundle.ts';
import { journalCounts, newestCommands } from '../../../agent/diagnostics/journal-view.ts';
import { packBundle, sectionsOf } from '../../../agent/diagnostics/pack-bundle.ts';
import type { CommandEntry } from '../../../agent/commands/command-book.ts';
import { bundleSchema, sectionNames, type Bundle } from '../../../core/diagnostics.ts';
import { redactor } from '../../../core/redact.ts';
import { heartbeat } from '../../support/fleet.ts';

const ids = { tenantId: 'acme', gatewayId: 'gw-1', commandId: 'c1' };
const never = new AbortController().signal;

/** Of a gateway that is well, with more in its parts than a bundle shows. */
const sources = {
  agent: () => ({
    ...{ agentVersion: '0.1.0', nodeVersion: 'v24', bootId: 'b1', pid: 7, startedAt: 1, uptimeMs: 2 },
    residentBytes: 3,
    heap: 'everything',
  }),
  host: () => ({
    ...{ hash: 'h', hostname: 'gw', os: 'Debian', kernel: '6', arch: 'x64', cpuModel: 'c', cpuCount: 2 },
    ...{ memoryBytes: 4, agentVersion: '0.1.0', nodeVersion: 'v24', disks: [], interfaces: [] },
  }),
  configuration: () => ({
    ...{ serverUrl: 'https://h', stateDir: '/s', keyGeneration: 1, activatedAt: 1, checkIntervalMs: 60_000 },
    cells: [{ cellId: 'cell-1', webSocketUrl: 'wss://c', token: 'x' }],
    environment: {},
    env: { AWS_SECRET_ACCESS_KEY: 'x' },
  }),
  connection: () => ({
    connected: false,
    connects: 1,
    losses: 1,
    clockOffsetMs: 0,
    trouble: 'Bearer abcdefgh12',
  }),
  status: () => heartbeat(),
  volumes: () => [
    {
      ...{ volumeId: 'v1', path: '/srv/v1', sizeBytes: 5, state: 'failed' as const, nbdSocket: '/x' },
      health: { ok: false as const, reason: 'missing' as const, detail: 'hush: gone' },
    },
  ],
  queues: () => ({
    ...{ spool: { count: 1, dropped: 0 }, running: ['c1'] },
    journal: { journalId: 'j1', commands: 1, open: 1, unsent: 0 },
  }),
  commands: () => [],
  network: () => [],
  log: () => ({ lines: [{ at: 't', level: 'info', event: 'e', said: 'hush-hush' }], droppedLines: 0 }),
} satisfies SectionSources;

const collect = (changed: Partial<SectionSources> = {}, more: Partial<CollectDeps> = {}, signal = never) => {
  const redact = redactor(() => ['hush-hush', 'hush: gone']);
  return collectBundle(
    ids,
    { sources: { ...sources, ...changed }, redact, unixMs: () => 9, ...more },
    signal,
  );
};

describe('a bundle', () => {
  it('has the fields of its schema and no others, and no secret in them', async () => {
    const bundle = await collect();
    expect(sectionsOf(bundle)).toEqual(sectionNames);
    expect(bundleSchema.strict().parse(bundle)).toEqual(bundle);
    const text = JSON.stringify(bundle);
    expect(text).not.toMatch(/heap|everything|nbdSocket|AWS_SECRET|"token"|"env"|hush|abcdefgh12/);
    expect(bundle.connection!.trouble).toBe('Bearer [redacted]');
  });

  it('names a section that fails or hangs, and goes on', async () => {
    const bundle = await collect(
      {
        status: () => Promise.reject(new Error('no /proc, hush-hush')),
        network: () => new Promise<never>(() => undefined),
        host: () => ({ hostname: 'gw' }) as never,
      },
      { sectionTimeoutMs: 20 },
    );
    expect(bundle.problems.map(({ section }) => section)).toEqual(['host', 'status', 'network']);
    expect(bundle.problems[1]!.message).toBe('no /proc, [redacted]');
    expect(sectionsOf(bundle)).toEqual(
      sectionNames.filter((name) => !['host', 'status', 'network'].includes(name)),
    );
  });

  it('ends where its command is canceled', async () => {
    const canceled = new AbortController();
    const network = () => {
      canceled.abort(new Error('canceled'));
      return new Promise<never>(() => undefined);
    };
    await expect(collect({ network }, {}, canceled.signal)).rejects.toThrow('canceled');
  });

  it('has no text without end', async () => {
    const bundle = await collect({
      connection: () => ({ ...sources.connection(), trouble: 'long '.repeat(100_000) }),
    });
    expect(bundle.connection!.trouble).toHaveLength(4_096);
  });
});

describe('packing', () => {
  /** Text that does not compress. */
  const noise = (count: number) =>
    Array.from({ length: count }, (_, i) => ({
      event: `e${i}`,
      noise: `${Math.sin(i + 1)}${Math.cos(i)}`.repeat(2),
    }));
  const unpacked = (bytes: Uint8Array): Bundle =>
    bundleSchema.parse(JSON.parse(gunzipSync(bytes).toString()));

  it('leaves a bundle that fits as it is', async () => {
    const whole = await collect();
    const { bytes, bundle } = await packBundle(whole);
    expect(unpacked(bytes)).toEqual(whole);
    expect(bundle.cut).toEqual([]);
  });

  it('lets the oldest lines of the log go first, and says how many', async () => {
    const whole = await collect({ log: () => ({ lines: noise(2_000), droppedLines: 5 }) });
    const { bytes } = await packBundle(whole, 20_000);
    expect(bytes.length).toBeLessThanOrEqual(20_000);
    const { log, cut } = unpacked(bytes);
    expect(log!.lines.at(-1)).toMatchObject({ event: 'e1999' });
    expect(log!.droppedLines).toBe(2_005 - log!.lines.length);
    expect(cut).toEqual([{ section: 'log', message: `the ${log!.droppedLines} oldest lines` }]);
  });

  it('lets sections go when there is no log left, and fails where that is not enough', async () => {
    const volume = sources.volumes()[0]!;
    const many = noise(2_000).map(({ noise: path }) => ({ ...volume, path }));
    const whole = await collect({ volumes: () => many });
    const { bundle } = await packBundle(whole, 2_000);
    expect(bundle.cut.map(({ section }) => section)).toEqual(['log', 'volumes']);
    expect(bundle.volumes).toBeUndefined();
    await expect(packBundle(whole, 10)).rejects.toMatchObject({ code: 'TOO_LARGE' });
  });
});

describe('the journal in a bundle', () => {
  const entry = (commandId: string, more: Partial<CommandEntry> = {}): [string, CommandEntry] => [
    commandId,
    {
      ...{ commandId, attempt: 1, kind: 'volume.create', params: { path: '/secret/place' }, needsGo: false },
      ...{ expiresAt: 9, timeoutMs: 9, takenAt: 1, starts: 0, ...more },
    },
  ];
  const failed = { status: 'FAILED', error: { code: 'IO', message: 'm' }, output: { x: 'y' } } as const;
  const entries = new Map([
    entry('c1', { outcome: failed, settledAt: 3, starts: 1 }),
    entry('c2', { outcome: { status: 'SUCCEEDED' }, starts: 1 }),
    entry('c3', { starts: 1, note: { snapshotId: 's' } }),
    entry('c4'),
  ]);
  const journal = { journalId: 'j1', entries, append: () => Promise.resolve() };

  it('has the newest commands first, without what they were given or answered', () => {
    const commands = newestCommands(journal);
    expect(commands.map(({ commandId, state }) => [commandId, state])).toEqual([
      ['c4', 'waiting'],
      ['c3', 'started'],
      ['c2', 'SUCCEEDED'],
      ['c1', 'FAILED'],
    ]);
    expect(commands[3]).toMatchObject({ errorCode: 'IO' });
    expect(JSON.stringify(commands)).not.toMatch(/params|place|output|note/);
  });

  it('is counted: what is open, and what the server does not know yet', () => {
    expect(journalCounts(journal)).toEqual({ journalId: 'j1', commands: 4, open: 2, unsent: 1 });
  });
});
