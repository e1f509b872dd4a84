import { join } from 'node:path';
import { bootLocal, type LocalCloud } from './boot.ts';
import { jsonLog, prettyLog } from './log.ts';
import { synthesize } from './synthesize.ts';

export interface UpOptions {
  readonly dataDir: string;
  /** Context of the CDK application. */
  readonly context: Readonly<Record<string, unknown>>;
  /** False: boot what was synthesized last time. */
  readonly synth: boolean;
  readonly portBase?: number;
  readonly scheduleScale: number;
  readonly logFormat: 'json' | 'pretty';
  /** Also every invocation that went well. */
  readonly verbose: boolean;
  readonly write: (line: string) => void;
}

/** Synthesizes into the data directory and boots what came out. */
export async function startLocal(options: UpOptions): Promise<LocalCloud> {
  const { dataDir, write, logFormat, portBase, scheduleScale, verbose } = options;
  const cdkOutDir = join(dataDir, 'cdk.out');
  const log = logFormat === 'json' ? jsonLog(write) : prettyLog(write, process.stdout.isTTY);
  const prepare = options.synth ? () => synthesize(cdkOutDir, options.context) : undefined;
  const { cells } = options.context;
  const stackCount = 1 + (Array.isArray(cells) ? cells.length : 0);
  return bootLocal({ cdkOutDir, dataDir, portBase, stackCount, scheduleScale, log, verbose, prepare });
}
