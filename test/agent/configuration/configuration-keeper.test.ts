import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ConfigurationKeeper,
  configurationFileName,
} from '../../../agent/configuration/configuration-keeper.ts';
import { RestoreSchedule } from '../../../agent/configuration/restore-schedule.ts';
import type {
  ConfigurationReport,
  HeldConfiguration,
} from '../../../core/configuration/configuration-rules.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

/** A keeper over a real file, with what it applied, said and logged. */
async function keeperIn(directory: string, gatewayId = 'gw-1') {
  const applied: HeldConfiguration[] = [];
  const reports: ConfigurationReport[] = [];
  const logged: string[] = [];
  const path = join(directory, configurationFileName);
  const keeper = await ConfigurationKeeper.open({
    path,
    gatewayId,
    apply: (held) => void applied.push(held),
    report: (report) => void reports.push(report),
    log: (_, event) => void logged.push(event),
  });
  return { keeper, applied, reports, logged, path, stored: () => readFileSync(path, 'utf8') };
}

it('stores what it is sent before it is in force and reported, and begins with it', async () => {
  const directory = temporaryDirectory();
  const { keeper, applied, reports, stored } = await keeperIn(directory);
  expect(applied).toEqual([{ version: 0, configuration: {} }]);
  await keeper.desired({ version: 3, configuration: { logLevel: 'debug' } });
  expect(stored()).toContain('"logLevel": "debug"');
  expect(reports).toEqual([{ version: 3, outcome: 'applied' }]);
  const next = await keeperIn(directory);
  expect(next.applied).toEqual([{ version: 3, configuration: { logLevel: 'debug' } }]);
});

it('takes of many at once, in whatever order, the newest alone', async () => {
  const { keeper, applied, reports } = await keeperIn(temporaryDirectory());
  const at = (version: number) =>
    keeper.desired({ version, configuration: { heartbeatIntervalMs: version * 60_000 } });
  await Promise.all([2, 5, 1, 5, 4, 3].map(at));
  expect(applied.map(({ version }) => version)).toEqual([0, 5]);
  expect(reports.map(({ version }) => version)).toEqual([5]);
});

it('keeps what is in force where it cannot take another, and remembers that', async () => {
  const directory = temporaryDirectory();
  const { keeper } = await keeperIn(directory);
  await keeper.desired({ version: 1, configuration: { logLevel: 'warn' } });
  await keeper.desired({ version: 2, configuration: { colour: 'red' } });
  const { keeper: next, reports } = await keeperIn(directory);
  expect(next.held).toMatchObject({
    version: 1,
    configuration: { logLevel: 'warn' },
    refused: { version: 2 },
  });
  await next.desired({ version: 1, configuration: {} });
  expect(reports).toEqual([
    { version: 2, outcome: 'refused', problems: ['there is no "colour" in the configuration'] },
  ]);
});

it('says nothing of what it could not store: it comes again', async () => {
  const directory = temporaryDirectory();
  const { keeper, applied, reports, logged } = await keeperIn(directory);
  // A folder in the temporary file's place: root may write where modes forbid it.
  mkdirSync(join(directory, `${configurationFileName}.tmp`));
  await keeper.desired({ version: 1, configuration: {} });
  expect([applied.length, reports, logged]).toEqual([1, [], ['configuration.not-taken']]);
  rmdirSync(join(directory, `${configurationFileName}.tmp`));
  await keeper.desired({ version: 1, configuration: {} });
  expect(reports).toEqual([{ version: 1, outcome: 'applied' }]);
});

it.each([
  ['no JSON', '{'],
  ['another format', '{"format":"holdfast-agent-connection","version":1}'],
  [
    'a setting that there is none of',
    '{"format":"holdfast-agent-configuration","version":1,"gatewayId":"gw-1","held":{"version":1,"configuration":{"colour":"red"}}}',
  ],
])('begins with nothing where the file holds %s, and says so in the log', async (_, text) => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, configurationFileName), text);
  const { keeper, logged } = await keeperIn(directory);
  expect(keeper.held).toEqual({ version: 0, configuration: {} });
  expect(logged).toEqual(['configuration.damaged']);
});

it('begins with nothing where the file is another gateway’s', async () => {
  const directory = temporaryDirectory();
  await (await keeperIn(directory)).keeper.desired({ version: 9, configuration: { logLevel: 'debug' } });
  const { keeper } = await keeperIn(directory, 'gw-2');
  expect(keeper.held.version).toBe(0);
  await keeper.desired({ version: 1, configuration: {} });
  expect(keeper.held.version).toBe(1);
});

it('limits restores as the windows have it, from the minute on in which one begins or ends', () => {
  let now = Date.parse('2026-11-30T07:59:30Z');
  const timers: { at: number; run: () => void }[] = [];
  const limits: (number | undefined)[] = [];
  const schedule = new RestoreSchedule({
    serverTime: () => now,
    setTimer: (run, delayMs) => {
      const timer = { at: now + delayMs, run };
      timers.push(timer);
      return () => void timers.splice(timers.indexOf(timer), 1);
    },
    limit: (bytesPerSec) => void limits.push(bytesPerSec),
  });
  const pass = (until: string) => {
    for (const end = Date.parse(until); timers[0] && timers[0].at <= end;) {
      const timer = timers.shift()!;
      now = timer.at;
      timer.run();
    }
    now = Date.parse(until);
  };
  schedule.follow({ restoreBandwidth: [{ days: ['mon'], from: '08:00', to: '08:02', bytesPerSec: 4096 }] });
  expect(limits).toEqual([undefined]);
  pass('2026-11-30T08:00:00Z');
  expect(limits.at(-1)).toBe(4096);
  pass('2026-11-30T08:01:59Z');
  expect(limits.at(-1)).toBe(4096);
  pass('2026-11-30T08:02:00Z');
  expect(limits.at(-1)).toBeUndefined();
  schedule.follow({});
  expect(timers).toEqual([]);
});
