import { HoldfastError } from '../../core/errors.ts';
import { typed } from '../../core/typed.ts';
import { promiseText } from './rates.ts';
import type { RestoreEngine } from '../restore/restore-engine.ts';
import type { StandaloneRestore } from '../restore/standalone-restore.ts';
import type { CliContext } from './cli-context.ts';

interface ReportFlags {
  nbd?: string;
  exitWhenDone?: boolean;
  json?: boolean;
}

/** What is opened, and how far it is. */
export function announce(
  { engine, isResumed }: StandaloneRestore,
  p: { target: string; uri: string | undefined },
  flags: ReportFlags,
  cli: CliContext,
): void {
  const { snapshotId, volumeBytes } = engine.descriptor.frozen;
  const { fraction } = engine.progress();
  if (flags.json) {
    const event = {
      event: 'open',
      snapshotId,
      target: p.target,
      volumeBytes,
      isResumed,
      fraction,
      uri: p.uri,
    };
    return cli.stdout(`${JSON.stringify(event)}\n`);
  }
  if (engine.state === 'restored')
    cli.stdout(
      `${p.target} was restored from ${snapshotId} before, nothing is done to it; --again begins anew\n`,
    );
  // What was durably restored; more of it may be found there.
  else if (isResumed) cli.stdout(`going on with ${snapshotId}: ${percent(fraction)} or more is there\n`);
  if (p.uri) cli.stdout(`uri: ${p.uri}\n`);
}

/** When it is due by the promised rate, as soon as it runs. */
export function tellPromise(engine: RestoreEngine, flags: ReportFlags, cli: CliContext): void {
  const { promise } = engine.progress();
  if (promise && !flags.json) cli.stdout(`${promiseText(promise, cli.now())}\n`);
}

/**
 * How it ended. Throws STEP_FAILED where it is not complete, unless a server was told to end: that has done what it was asked.
 */
export function report(
  { engine, wasRestored }: { engine: RestoreEngine; wasRestored: boolean },
  flags: ReportFlags,
  cli: CliContext,
): void {
  const { snapshotId, volumeBytes, path } = engine.descriptor.frozen;
  const isDone = engine.descriptor.moving.phase === 'restored';
  const { fraction } = engine.progress();
  if (flags.json) {
    const event = { event: isDone ? 'restored' : 'stopped', snapshotId, volumeBytes, fraction };
    cli.stdout(`${JSON.stringify(event)}\n`);
  } else if (isDone && !wasRestored)
    cli.stdout(`restored: ${path} (${volumeBytes} bytes) from ${snapshotId}\n`);
  if (isDone) return;
  const incomplete = `stopped at ${percent(fraction)}: ${path} is not complete`;
  const hint = 'the same command goes on where it was';
  // One that serves is told to end, done or not; one that is to end when it is done has not done that.
  if (!flags.nbd || flags.exitWhenDone) throw new HoldfastError('STEP_FAILED', incomplete, { hint });
  if (!flags.json) cli.stdout(`${incomplete}; ${hint}\n`);
}

/** What is left of the snapshot is damaged. */
export const incomplete = (target: string, url: string, damage: HoldfastError): HoldfastError =>
  new HoldfastError(
    damage.code,
    `${target} is not complete: what is left cannot be restored: ${damage.message}`,
    {
      hint: `the same command tries again; \`${typed(`holdfast-agent snapshot verify ${url}`)}\` names what is damaged`,
      cause: damage,
    },
  );

const percent = (fraction: number): string => `${(fraction * 100).toFixed(1)} %`;
