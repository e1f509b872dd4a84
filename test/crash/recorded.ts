import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClosedForm } from '../simulation/disk/closed-form.ts';
import { Random } from '../simulation/disk/random.ts';
import { sectorBytes } from '../simulation/disk/sim-disk.ts';
import { startS3, type TestS3 } from '../support/s3.ts';
import { recordRun, type RecordedRun } from './record.ts';
import { recover } from './recover.ts';
import { Replay } from './replay.ts';

export interface RecordedReport {
  runs: number;
  /** Processes that ran, and how many of them were killed. */
  lives: number;
  kills: number;
  systemCalls: number;
  repliesSent: number;
  /** Moments at which every legal image was judged in closed form, and the most images that one of them had. */
  statesJudged: number;
  imagesLog2Max: number;
  /** Images of lost power that the real engine recovered from, and those of them that it restored to the end. */
  images: number;
  restoredToTheEnd: number;
  /** Moments and images at which something was wrong, and recordings that could not be made or replayed. */
  violations: number;
  wrongStates: number;
  wrongImages: number;
  /** What was wrong, the first of them. */
  first: string[];
}

export interface RecordedOptions {
  runs: number;
  images: number;
  seed: number;
  onRun?: () => void;
  /** Changes a recording before it is replayed: for tests that have to see that something is noticed. */
  spoil?: (run: RecordedRun) => RecordedRun;
}

const violationsKeptMax = 10;

const emptyReport = (): RecordedReport => ({
  runs: 0,
  lives: 0,
  kills: 0,
  systemCalls: 0,
  repliesSent: 0,
  statesJudged: 0,
  imagesLog2Max: 0,
  images: 0,
  restoredToTheEnd: 0,
  violations: 0,
  wrongStates: 0,
  wrongImages: 0,
  first: [],
});

/** Records restores of the real process and recovers from the losses of power that were possible in them. */
export async function crashRecorded(options: RecordedOptions): Promise<RecordedReport> {
  const report = emptyReport();
  const s3 = await startS3();
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-recorded-'));
  try {
    for (let i = 0; i < options.runs; i++) {
      const images = Math.floor((options.images * (i + 1)) / options.runs) - report.images;
      await oneRun(s3, join(dir, String(i)), { ...options, seed: options.seed + i, images }, report);
      report.runs++;
      options.onRun?.();
    }
    return report;
  } finally {
    await s3.close();
    await rm(dir, { recursive: true });
  }
}

async function oneRun(s3: TestS3, dir: string, p: RecordedOptions, report: RecordedReport): Promise<void> {
  const note = (where: string) => (thrown: unknown) => {
    report.violations++;
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    if (report.first.length < violationsKeptMax)
      report.first.push(`run with seed ${p.seed}, ${where}: ${why}`);
  };
  await mkdir(dir);
  const recorded = await recordRun(s3, dir, p.seed).catch(note('while it was recorded'));
  if (!recorded) return;
  const run = p.spoil?.(recorded) ?? recorded;
  report.lives += run.lives.length;
  report.kills += run.lives.filter(({ ending }) => ending === 'kill').length;
  await replayRun(run, { ...p, dir, note }, report).catch(note('while it was replayed'));
  await rm(dir, { recursive: true });
}

async function replayRun(
  run: RecordedRun,
  p: { seed: number; images: number; dir: string; note: (where: string) => (thrown: unknown) => void },
  report: RecordedReport,
): Promise<void> {
  const random = new Random(p.seed ^ 0x5eed);
  const replay = new Replay(run);
  const closedForm = new ClosedForm();
  const moments = run.lives.reduce((sum, { events }) => sum + events.length, 0);
  const due = Array.from({ length: p.images }, () => random.below(moments)).sort((a, b) => a - b);
  let moment = 0;
  let judged = '';
  for (const [number, life] of run.lives.entries()) {
    await replay.live(life, async (at) => {
      const note = p.note(`life ${number}, event ${at}`);
      const { step, call } = life.events[at]!;
      if (step === 'begin') report.systemCalls++;
      if (step === 'begin' && call.kind === 'reply') report.repliesSent++;
      const revision = `${replay.disk.revision} ${replay.model.revision} ${replay.file.revision}`;
      if (revision !== judged) judgeAll(replay, closedForm, report, note);
      judged = revision;
      for (; due[0] === moment; due.shift()) await recoverOne(run, replay, { ...p, random, note }, report);
      moment++;
    });
  }
}

function judgeAll(
  replay: Replay,
  closedForm: ClosedForm,
  report: RecordedReport,
  note: (thrown: unknown) => void,
): void {
  for (const loss of ['power', 'kill'] as const) {
    try {
      const bits = closedForm.check(replay, loss);
      report.imagesLog2Max = Math.max(report.imagesLog2Max, Math.round(bits));
    } catch (thrown) {
      report.wrongStates++;
      note(thrown);
    }
  }
  report.statesJudged++;
}

async function recoverOne(
  run: RecordedRun,
  replay: Replay,
  p: { random: Random; dir: string; note: (thrown: unknown) => void },
  report: RecordedReport,
): Promise<void> {
  const disk = replay.disk.afterPowerLoss(p.random);
  const file = replay.file.copy();
  file.crash(p.random);
  const model = replay.model.copy();
  model.losePower();
  const sectors = Array.from({ length: disk.sizeBytes / sectorBytes }, (_, i) => disk.read(i));
  const target = Buffer.concat(sectors).subarray(0, p.random.pick(replay.possibleSizesBytes));
  const toTheEnd = p.random.chance(0.5);
  report.images++;
  if (toTheEnd) report.restoredToTheEnd++;
  const image = { target, descriptor: file.durable, model };
  const wrong = await recover(p.dir, run.volume, image, { toTheEnd }).catch(
    (thrown: unknown) => `it does not open: ${String(thrown)}`,
  );
  if (wrong === undefined) return;
  report.wrongImages++;
  p.note(wrong);
}
