import { progressLine, progressText, startProgress } from '../../../agent/cli/progress.ts';
import { troubleTeller } from '../../../agent/cli/trouble-teller.ts';
import { HoldfastError } from '../../../core/errors.ts';
import { parseDurationMs, parseSizeBytes } from '../../../agent/cli/units.ts';

const usage = expect.objectContaining({ code: 'USAGE' });

test('sizes and durations are read as people write them', () => {
  const sizes = ['0', '4096', '256K', '256KiB', '10GiB', '2TB', ' 1M '];
  expect(sizes.map(parseSizeBytes)).toEqual([0, 4096, 262_144, 262_144, 10 * 2 ** 30, 2 * 2 ** 40, 2 ** 20]);
  expect(['90s', '15m', '36h', '7d'].map(parseDurationMs)).toEqual([
    90_000, 900_000, 129_600_000, 604_800_000,
  ]);
  for (const bad of ['', '-1', '1.5G', '10 GiB x', '1e9', '9999999T'])
    expect(() => parseSizeBytes(bad)).toThrow(usage);
  for (const bad of ['', '7', 'd', '1w', '-1d']) expect(() => parseDurationMs(bad)).toThrow(usage);
});

test('the bar shows share, rate and time left', () => {
  expect(progressLine(2 ** 30, 4 * 2 ** 30, 10_000)).toBe(
    `[${'█'.repeat(6)}${' '.repeat(18)}]  25 %  1.0 GiB of 4.0 GiB  102.4 MiB/s  30s left`,
  );
  expect(progressLine(0, 100, 0)).toContain('  0 %  0 B of 100 B');
});

test('a rate that is known counts, and a restore that stands still has no end in sight', () => {
  const drawn = (bytesPerSec: number): string => {
    let text = '';
    const write = { stdout: () => undefined, stderr: (part: string) => void (text += part) };
    const progress = startProgress({ ...write, interactive: true, now: () => 1_000 }, { json: false });
    progress.update(2 ** 30, 2 ** 31, { bytesPerSec }, 'vol1');
    return text;
  };
  expect(drawn(2 ** 20)).toContain('1.0 MiB/s  17m left');
  expect(drawn(0)).not.toContain('left');
});

test('trouble of one kind is told once a minute', () => {
  let [err, nowMs] = ['', 0];
  const tell = troubleTeller({ stderr: (text) => void (err += text), now: () => nowMs });
  for (; nowMs < 90_000; nowMs += 500) tell(new HoldfastError('FORBIDDEN', `no chunk ${nowMs}`));
  tell(new HoldfastError('CORRUPT', 'another kind'));
  expect(err).toBe(
    'error: FORBIDDEN: no chunk 0\nerror: FORBIDDEN: no chunk 60000\nerror: CORRUPT: another kind\n',
  );
});

test('a log gets a line a minute, and no rate is told before there is one', () => {
  let [err, nowMs] = ['', 0];
  const output = { stdout: () => undefined, stderr: (text: string) => void (err += text), now: () => nowMs };
  const toLog = startProgress({ ...output, interactive: false }, { json: false });
  for (; nowMs <= 150_000; nowMs += 1_000) toLog.update(nowMs, 300_000, {}, 'note');
  toLog.end();
  expect(err.split('\n')).toEqual([
    `${progressText(60_000, 300_000, 60_000)}  note`,
    `${progressText(120_000, 300_000, 120_000)}  note`,
    '',
  ]);
  expect(progressText(60_000, 300_000, 60_000)).toBe(' 20 %  58.6 KiB of 293.0 KiB  1000 B/s  4m left');

  err = '';
  const drawn = startProgress({ ...output, interactive: true }, { json: false });
  nowMs += 500;
  drawn.update(10, 100, {}, '');
  expect(err).not.toContain('left');
  nowMs += 500;
  drawn.update(20, 100, {}, '');
  expect(err).toContain('4s left');
});

test('a terminal gets a bar that goes away, a pipe nothing at first, --json one line a second', () => {
  const run = (interactive: boolean, json: boolean) => {
    let [out, err, nowMs] = ['', '', 0];
    const write = { stdout: (text: string) => (out += text), stderr: (text: string) => (err += text) };
    const progress = startProgress({ ...write, interactive, now: () => nowMs }, { json });
    for (; nowMs < 2_500; nowMs += 50) progress.update(nowMs, 2_500, { done: nowMs }, 'note');
    progress.end();
    return { out, err };
  };
  expect(run(false, false)).toEqual({ out: '', err: '' });
  const drawn = run(true, false).err;
  expect(drawn.startsWith('\r[') && drawn.endsWith('note\u001b[K\r\u001b[K')).toBe(true);
  expect(
    run(true, true)
      .out.trim()
      .split('\n')
      .map((line) => JSON.parse(line) as unknown),
  ).toEqual([
    { event: 'progress', done: 0 },
    { event: 'progress', done: 1_000 },
    { event: 'progress', done: 2_000 },
  ]);
});
