import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HoldfastError } from '../../core/errors.ts';
import { commandKinds, commandSpecs, type CommandKind } from '../../core/command-kinds.ts';
import { silentLog } from '../../core/log.ts';
import { encodeRecord, type JournalRecord } from '../../agent/commands/journal-records.ts';
import { CommandJournal } from '../../agent/commands/command-journal.ts';
import {
  CommandRunner,
  resendMs,
  unsettledMax,
  type CommandMessage,
} from '../../agent/commands/command-runner.ts';
import { EndsWithProcess, type Execution, type Executors } from '../../agent/commands/executor.ts';
import { temporaryDirectory } from './temporary-directory.ts';

type CmdBody = Extract<CommandMessage, { t: 'cmd' }>['body'];
interface Run {
  kind: CommandKind;
  params: unknown;
  execution: Execution;
  succeed: (output?: Record<string, string>) => void;
  fail: (error: unknown) => void;
}
const t0 = 1_800_000_000_000;
const open: Bench[] = [];
afterEach(async () => {
  for (const bench of open.splice(0)) await bench.die();
});

/** A runner over a real journal, with executors and timers in the test's hands. */
class Bench {
  now = t0;
  connected = true;
  /** Executors do not listen to their signal. */
  deaf = false;
  sent: { type: string; body: Record<string, unknown> & { commandId: string } }[] = [];
  runs: Run[] = [];
  recovered: unknown = undefined;
  timers: { at: number; run: () => void }[] = [];
  journal!: CommandJournal;
  runner!: CommandRunner;
  readonly path: string;

  constructor(path = join(temporaryDirectory(), 'journal')) {
    this.path = path;
    open.push(this);
  }
  async start(): Promise<this> {
    this.journal = await CommandJournal.open(this.path, { now: () => this.now, log: silentLog });
    this.runner = new CommandRunner({
      journal: this.journal,
      executors: this.executors(),
      send: (type, body) => {
        if (this.connected) this.sent.push({ type, body: body as never });
        return this.connected;
      },
      serverTime: () => this.now,
      setTimer: (run, delayMs) => {
        const timer = { at: this.now + delayMs, run };
        this.timers.push(timer);
        return () => void (this.timers = this.timers.filter((other) => other !== timer));
      },
      log: silentLog,
    });
    await this.runner.start();
    return this;
  }
  private executors(): Executors {
    const entry = (kind: CommandKind) => ({
      run: (params: unknown, execution: Execution) =>
        new Promise((succeed, fail) => {
          execution.signal.addEventListener('abort', () => this.deaf || fail(new Error('aborted')));
          this.runs.push({ kind, params, execution, succeed: succeed as Run['succeed'], fail });
        }),
      recover: (_: unknown, interrupted: unknown) => {
        this.recovered = interrupted;
        return Promise.resolve(kind === 'restore.start' ? { status: 'SUCCEEDED' } : undefined);
      },
    });
    return Object.fromEntries(commandKinds.map((kind) => [kind, entry(kind)])) as unknown as Executors;
  }
  cmd(commandId: string, kind: CommandKind = 'probe', more: Partial<CmdBody> = {}): Promise<void> {
    const params: CmdBody['params'] = kind === 'probe' ? { echo: commandId } : { volumeId: 'v1' };
    const body: CmdBody = {
      commandId,
      attempt: 1,
      kind,
      params,
      needsGo: !commandSpecs[kind].idempotent,
      expiresAt: this.now + 60_000,
      timeoutMs: 10_000,
      ...more,
    };
    return this.give('cmd', body);
  }
  give<T extends CommandMessage['t']>(t: T, body: Extract<CommandMessage, { t: T }>['body']): Promise<void> {
    return this.runner.handle({ v: 1, t, id: 'm', epoch: 1, seq: 1, ts: t0, body } as CommandMessage);
  }
  go = (commandId: string) => this.give('cmd.go', { commandId, attempt: 1 });
  types(commandId: string): string[] {
    return this.sent.filter(({ body }) => body.commandId === commandId).map(({ type }) => type);
  }
  result(commandId: string) {
    return this.sent.filter(({ type, body }) => type === 'cmd.result' && body.commandId === commandId).at(-1)
      ?.body;
  }
  /** Until what runs has written what it has to. */
  async until<T>(condition: () => T | undefined | false): Promise<T> {
    for (let i = 0; i < 500; i++) {
      const value = condition();
      if (value) return value;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    throw new Error(`waited in vain for ${condition.toString()}`);
  }
  pass(ms: number): void {
    this.now += ms;
    const due = this.timers.filter((timer) => timer.at <= this.now);
    this.timers = this.timers.filter((timer) => timer.at > this.now);
    for (const timer of due) timer.run();
  }
  /** Like SIGKILL: nothing is said or written any more. */
  async die(): Promise<void> {
    this.connected = false;
    await this.journal.close().catch(() => undefined);
  }
  async restart(): Promise<Bench> {
    await this.die();
    const next = new Bench(this.path);
    next.now = this.now;
    return next.start();
  }
}

describe('a command', () => {
  it('is in the journal before its ack, runs, and its result stays until the server has it', async () => {
    const bench = await new Bench().start();
    await bench.cmd('a');
    expect(bench.sent[0]).toEqual({
      type: 'cmd.ack',
      body: { commandId: 'a', attempt: 1, journalId: bench.journal.journalId },
    });
    (await bench.until(() => bench.runs[0])).succeed({ said: 'a' });
    await bench.until(() => bench.result('a'));
    expect(bench.result('a')).toMatchObject({ outcome: { status: 'SUCCEEDED', output: { said: 'a' } } });
    bench.pass(resendMs);
    expect(bench.types('a')).toEqual(['cmd.ack', 'cmd.result', 'cmd.result']);
    await bench.give('result.ack', { commandId: 'a', attempt: 1 });
    bench.pass(resendMs);
    expect(bench.types('a')).toHaveLength(3);
  });

  it('is not acknowledged when the journal cannot keep it', async () => {
    const bench = await new Bench().start();
    const { file } = bench.journal as unknown as { file: { datasync: () => Promise<void> } };
    file.datasync = () => Promise.reject(new Error('EIO'));
    await bench.cmd('a');
    expect(bench.sent).toEqual([]);
    expect(bench.runs).toEqual([]);
  });

  it('runs once however often it is sent', async () => {
    const bench = await new Bench().start();
    await Promise.all([bench.cmd('a'), bench.cmd('a'), bench.cmd('a', 'probe', { attempt: 2 })]);
    (await bench.until(() => bench.runs[0])).succeed();
    await bench.until(() => bench.result('a'));
    await bench.cmd('a', 'probe', { attempt: 3 });
    await bench.give('result.ack', { commandId: 'a', attempt: 3 });
    await bench.cmd('a', 'probe', { attempt: 4 });
    expect(bench.runs).toHaveLength(1);
    expect(bench.result('a')).toMatchObject({ attempt: 4 });
    const acks = bench.sent.filter(({ type }) => type === 'cmd.ack').map(({ body }) => body.attempt);
    expect(acks).toEqual([1, 1, 2]);
  });

  it('waits for its go where doing it twice would do harm', async () => {
    const bench = await new Bench().start();
    await bench.cmd('s', 'snapshot.create');
    bench.pass(resendMs);
    expect(bench.types('s')).toEqual(['cmd.ack', 'cmd.ack']);
    expect(bench.runs).toEqual([]);
    await bench.go('s');
    await bench.go('s');
    (await bench.until(() => bench.runs[0])).succeed();
    await bench.until(() => bench.result('s'));
    await bench.go('s');
    expect(bench.runs).toHaveLength(1);
  });

  it('waits for the earlier ones of its lane, and for no other', async () => {
    const bench = await new Bench().start();
    await bench.cmd('v1a', 'volume.check');
    await bench.cmd('v1b', 'volume.check');
    await bench.cmd('v2', 'volume.check', { params: { volumeId: 'v2' } });
    await bench.until(() => bench.runs.length === 2);
    expect(bench.runs.map((run) => run.execution.commandId)).toEqual(['v1a', 'v2']);
    bench.runs[0]!.fail(new HoldfastError('IO', 'the disk is broken', { hint: 'replace it' }));
    await bench.until(() => bench.runs.length === 3);
    expect(bench.result('v1a')!.outcome).toEqual({
      status: 'FAILED',
      error: { code: 'IO', message: 'the disk is broken', hint: 'replace it' },
    });
  });

  it('is rejected when its parameters are not valid, and dropped when it has expired', async () => {
    const bench = await new Bench().start();
    await bench.cmd('bad', 'volume.check', { params: { volumeId: '../etc' } });
    expect(bench.result('bad')).toMatchObject({
      outcome: {
        status: 'REJECTED',
        error: { code: 'INVALID_INPUT', message: expect.stringContaining('volumeId') },
      },
    });
    await bench.cmd('late', 'probe', { expiresAt: bench.now });
    expect(bench.types('late')).toEqual([]);
    expect(bench.runs).toEqual([]);
  });

  it('is rejected when its kind is newer than the agent, each time it comes, and leaves nothing behind', async () => {
    const bench = await new Bench().start();
    for (const attempt of [1, 2]) {
      await bench.cmd('new', 'probe', { kind: 'volume.fold', attempt, needsGo: true });
      expect(bench.result('new')).toMatchObject({
        attempt,
        outcome: {
          status: 'REJECTED',
          error: { code: 'UNSUPPORTED', message: expect.stringContaining('volume.fold') },
        },
      });
    }
    await bench.give('result.ack', { commandId: 'new', attempt: 2 });
    expect(bench.types('new')).toEqual(['cmd.result', 'cmd.result']);
    expect([...bench.journal.entries.keys()]).toEqual([]);
  });

  it('is canceled while it waits, and while it runs', async () => {
    const bench = await new Bench().start();
    await bench.cmd('waits', 'snapshot.create');
    await bench.give('cmd.cancel', { commandId: 'waits' });
    expect(bench.result('waits')).toMatchObject({ outcome: { status: 'CANCELED' } });
    await bench.go('waits');
    await bench.cmd('runs');
    await bench.until(() => bench.runs[0]);
    await bench.give('cmd.cancel', { commandId: 'runs' });
    await bench.until(() => bench.result('runs'));
    expect(bench.result('runs')).toMatchObject({ outcome: { status: 'CANCELED' } });
    expect(bench.runs).toHaveLength(1);
  });

  it('runs out of time', async () => {
    const bench = await new Bench().start();
    await bench.cmd('a');
    await bench.until(() => bench.runs[0]);
    bench.pass(10_000);
    expect(await bench.until(() => bench.result('a'))).toMatchObject({ outcome: { status: 'TIMED_OUT' } });
  });

  it('that waits for its turn is not begun once another host took over, but when it is allowed anew', async () => {
    const bench = await new Bench().start();
    for (const commandId of ['first', 'second']) {
      await bench.cmd(commandId, 'snapshot.create');
      await bench.go(commandId);
    }
    await bench.until(() => bench.runs.length === 1);
    bench.runner.hold();
    bench.runs[0]!.succeed({});
    await bench.until(() => bench.result('first'));
    bench.runner.sayAgain();
    expect(bench.types('second')).toEqual(['cmd.ack', 'cmd.ack']);
    expect(bench.runs).toHaveLength(1);
    await bench.go('second');
    await bench.until(() => bench.runs.length === 2);
  });

  it('keeps its lane, but not its sender, waiting when it does not end in time', async () => {
    const bench = await new Bench().start();
    bench.deaf = true;
    await bench.cmd('a');
    await bench.cmd('b', 'probe', { timeoutMs: 3_600_000 });
    const run = await bench.until(() => bench.runs[0]);
    bench.pass(10_000);
    expect(run.execution.signal.aborted).toBe(true);
    bench.pass(30_000);
    expect(await bench.until(() => bench.result('a'))).toMatchObject({ outcome: { status: 'TIMED_OUT' } });
    expect(bench.runs).toHaveLength(1);
    run.succeed();
    await bench.until(() => bench.runs.length === 2);
    expect(bench.result('a')).toMatchObject({ outcome: { status: 'TIMED_OUT' } });
  });

  it('reports progress now and then', async () => {
    const bench = await new Bench().start();
    await bench.cmd('a');
    const { execution } = await bench.until(() => bench.runs[0]);
    for (const fraction of [0.1, 0.2, 7]) execution.progress(fraction);
    bench.now += 2_000;
    execution.progress(7, 'x'.repeat(600));
    const reports = bench.sent.filter(({ type }) => type === 'cmd.progress').map(({ body }) => body);
    expect(reports).toMatchObject([{ fraction: 0.1 }, { fraction: 1, note: 'x'.repeat(500) }]);
  });

  it('has its output left out where it is too long to send', async () => {
    const bench = await new Bench().start();
    await bench.cmd('a');
    (await bench.until(() => bench.runs[0])).succeed({ text: 'x'.repeat(20_000) });
    expect(await bench.until(() => bench.result('a'))).toMatchObject({
      outcome: { status: 'SUCCEEDED', output: { omittedBytes: expect.any(Number) } },
    });
  });
});

describe('after the agent died', () => {
  it('an idempotent command that was running runs again, three times at most', async () => {
    let bench = await new Bench().start();
    await bench.cmd('a');
    for (let start = 1; start <= 3; start++) {
      const run = await bench.until(() => bench.runs[0]);
      expect(run.execution.isRerun).toBe(start > 1);
      bench = await bench.restart();
    }
    expect(bench.result('a')).toMatchObject({
      outcome: { status: 'FAILED', error: { code: 'STEP_FAILED' } },
    });
    expect(bench.runs).toEqual([]);
  });

  it('one that must not run twice is INDETERMINATE, unless something durable tells how it ended', async () => {
    const bench = await new Bench().start();
    await bench.cmd('s', 'snapshot.create');
    await bench.go('s');
    await bench.cmd('r', 'restore.start', { params: { volumeId: 'v2' } });
    await bench.go('r');
    await bench.until(() => bench.runs.length === 2);
    await bench.runs[1]!.execution.note({ snapshotId: 'snap-7' });
    const next = await bench.restart();
    expect(next.runs).toEqual([]);
    expect(next.result('s')).toMatchObject({ outcome: { status: 'INDETERMINATE' } });
    expect(next.result('r')).toMatchObject({ outcome: { status: 'SUCCEEDED' } });
    expect(next.recovered).toEqual({ startedAt: t0, note: { snapshotId: 'snap-7' } });
  });

  it('one that waited for its go asks for it again and has not been started', async () => {
    const bench = await new Bench().start();
    await bench.cmd('s', 'snapshot.create');
    const next = await bench.restart();
    expect(next.types('s')).toEqual(['cmd.ack']);
    await next.go('s');
    await next.until(() => next.runs[0]);
  });

  it('a result that the server does not have is sent again, under the same journal', async () => {
    const bench = await new Bench().start();
    await bench.cmd('a');
    bench.connected = false;
    (await bench.until(() => bench.runs[0])).succeed({ kept: 'yes' });
    await bench.until(() => bench.journal.entries.get('a')!.outcome);
    const next = await bench.restart();
    expect(next.journal.journalId).toBe(bench.journal.journalId);
    expect(next.result('a')).toMatchObject({ outcome: { output: { kept: 'yes' } } });
    next.sent = [];
    next.runner.sayAgain();
    expect(next.types('a')).toEqual(['cmd.result']);
  });

  it('a restart that was asked for is told by the restarted agent', async () => {
    const bench = await new Bench().start();
    await bench.cmd('x', 'service.restart', { params: {} });
    await bench.go('x');
    (await bench.until(() => bench.runs[0])).fail(new EndsWithProcess());
    await bench.runner.stop();
    expect(bench.result('x')).toBeUndefined();
    const next = await bench.restart();
    expect(next.result('x')).toBeDefined();
  });
});

describe('results that the server does not acknowledge', () => {
  /** A runner whose journal has so many, `c0` the oldest. */
  const withResults = (count: number) => {
    const bench = new Bench();
    const records: JournalRecord[] = [{ r: 'head', version: 1, journalId: 'j-1', at: t0 }];
    for (let i = 0; i < count; i++) {
      const command = { commandId: `c${i}`, at: t0, attempt: 1, kind: 'probe', params: {} } as const;
      records.push({ r: 'taken', ...command, needsGo: false, expiresAt: t0 + 1, timeoutMs: 1 });
      records.push({ r: 'finished', commandId: `c${i}`, at: t0, outcome: { status: 'SUCCEEDED' } });
    }
    writeFileSync(bench.path, Buffer.concat(records.map(encodeRecord)));
    return bench.start();
  };
  const said = (bench: Bench) => bench.sent.splice(0).map(({ body }) => body.commandId);
  const ids = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `c${from + i}`);

  it('are said again a hundred at a time, oldest first, and the next as soon as it has those', async () => {
    const bench = await withResults(250);
    expect(said(bench)).toEqual(ids(0, 100));
    for (const [from, to, next] of [
      [0, 100, 200],
      [100, 200, 250],
    ] as const) {
      const acked = ids(from, to).map((commandId) => bench.give('result.ack', { commandId, attempt: 1 }));
      await Promise.all(acked);
      expect(said(bench)).toEqual(ids(to, next));
    }
    bench.pass(resendMs);
    expect(said(bench)).toEqual(ids(200, 250));
  });

  it('have an end: no more commands are taken then, until it acknowledges some', async () => {
    const bench = await withResults(unsettledMax);
    await bench.cmd('new');
    await bench.give('cmd.go', { commandId: 'new', attempt: 1 });
    expect(bench.types('new')).toEqual([]);
    await bench.give('result.ack', { commandId: 'c7', attempt: 1 });
    await bench.cmd('new');
    expect(bench.types('new')).toEqual(['cmd.ack']);
  });
});

describe('an orderly stop', () => {
  it('leaves for the next start what can run again, and tells the end of what cannot', async () => {
    const bench = await new Bench().start();
    await bench.cmd('a');
    await bench.cmd('s', 'snapshot.create');
    await bench.go('s');
    await bench.until(() => bench.runs.length === 2);
    await bench.runner.stop();
    expect(bench.result('a')).toBeUndefined();
    expect(bench.result('s')).toMatchObject({
      outcome: { status: 'FAILED', error: { code: 'UNAVAILABLE' } },
    });
    const next = await bench.restart();
    await next.until(() => next.runs[0]);
    expect(next.runs[0]!.execution).toMatchObject({ commandId: 'a', isRerun: true });
  });
});
