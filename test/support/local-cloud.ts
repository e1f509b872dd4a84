import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootLocal, type LocalCloud } from '../../local/boot.ts';
import type { LogRecord } from '../../local/log.ts';
import { synthesize } from '../../local/synthesize.ts';

export interface LocalCloudOptions {
  /** @default ['cell-1', 'cell-2'] */
  readonly cells?: readonly string[];
  /** More context of the CDK application, e.g. `{ heartbeatIntervalMs: 1000 }`. */
  readonly context?: Readonly<Record<string, unknown>>;
  readonly scheduleScale?: number;
  /** Changes each stack's template before it is booted. */
  readonly edit?: (template: EditableTemplate, stackName: string) => void;
  /** Kept afterwards; without it a temporary one is made and removed by `stop`. */
  readonly dataDir?: string;
}

export interface EditableTemplate {
  Resources: Record<string, { Type: string; Properties: Record<string, unknown> }>;
}

export interface TestCloud extends LocalCloud {
  /** Everything that was logged so far; `HOLDFAST_TEST_LOG=1` also prints it. */
  readonly logs: readonly LogRecord[];
  readonly dataDir: string;
  /** The assembly that it was booted from. */
  readonly cdkOutDir: string;
}

const repository = fileURLToPath(new URL('../..', import.meta.url));

/** Boots the real template in a data directory of its own on free ports. Await `stop()` in afterAll. */
export async function startLocalCloud(options: LocalCloudOptions = {}): Promise<TestCloud> {
  const context = { cells: options.cells ?? ['cell-1', 'cell-2'], ...options.context };
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'holdfast-local-'));
  const synthesized = await synthesizeOnce(context);
  const cdkOutDir = options.edit ? edited(synthesized, join(dataDir, 'cdk.out'), options.edit) : synthesized;
  const logs: LogRecord[] = [];
  const log = (record: LogRecord) => {
    logs.push(record);
    if (process.env['HOLDFAST_TEST_LOG']) process.stderr.write(`${JSON.stringify(record)}\n`);
  };
  const removeOwn = () => options.dataDir ?? rmSync(dataDir, { recursive: true, force: true });
  try {
    const cloud = await bootLocal({ cdkOutDir, dataDir, scheduleScale: options.scheduleScale, log });
    const stop = async () => {
      await cloud.stop();
      removeOwn();
    };
    return { ...cloud, stop, logs, dataDir, cdkOutDir };
  } catch (error) {
    removeOwn();
    throw error;
  }
}

/** A copy of the assembly with changed templates. */
function edited(fromDir: string, toDir: string, edit: NonNullable<LocalCloudOptions['edit']>): string {
  cpSync(fromDir, toDir, { recursive: true });
  for (const name of readdirSync(toDir).filter((each) => each.endsWith('.template.json'))) {
    const path = join(toDir, name);
    const template = JSON.parse(readFileSync(path, 'utf8')) as EditableTemplate;
    edit(template, name.replace('.template.json', ''));
    writeFileSync(path, JSON.stringify(template));
  }
  return toDir;
}

/** Same sources and context, same assembly: it is synthesized by the first test that asks. */
export async function synthesizeOnce(context: Readonly<Record<string, unknown>>): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(context));
  for (const name of ['lib', 'core', 'lambda', 'bin/app.ts', 'package-lock.json', 'tsconfig.json'])
    hashInto(hash, name);
  const outDir = join(tmpdir(), `holdfast-cdk-out-${hash.digest('hex').slice(0, 16)}`);
  if (!existsSync(join(outDir, 'manifest.json'))) await synthesize(outDir, context);
  return outDir;
}

function hashInto(hash: ReturnType<typeof createHash>, name: string): void {
  const path = join(repository, name);
  if (name.endsWith('.ts') || name.endsWith('.json')) {
    hash.update(name).update(readFileSync(path));
    return;
  }
  const entries = readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const entry of entries)
    if (entry.isDirectory() || /\.(ts|json)$/.test(entry.name)) hashInto(hash, `${name}/${entry.name}`);
}
