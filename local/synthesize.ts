import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { HoldfastError } from '../core/errors.ts';
import { typed } from '../core/typed.ts';

const repository = fileURLToPath(new URL('..', import.meta.url));

/**
 * Synthesizes the application into `outDir`, in a process of its own: nothing that runs imports the CDK. What was there
 * before is replaced at the end, so that an interrupted synthesis leaves the old one. Throws CONFIG with the CDK's
 * last words.
 */
export async function synthesize(outDir: string, context: Readonly<Record<string, unknown>>): Promise<void> {
  const fresh = `${outDir}.${process.pid}.new`;
  mkdirSync(dirname(outDir), { recursive: true, mode: 0o700 });
  removeLeftovers(outDir);
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', join(repository, 'bin/app.ts')],
    {
      cwd: repository,
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        CDK_OUTDIR: fresh,
        CDK_CONTEXT_JSON: JSON.stringify(context),
        // The rules of cdk-nag are for deployments and CI; without them synthesis takes a second instead of seven.
        CDK_VALIDATION: 'false',
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  );
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', resolve);
  });
  const [code, output] = await Promise.all([exited, text(child.stderr)]);
  if (code !== 0) {
    rmSync(fresh, { recursive: true, force: true });
    const words = output.trim().split('\n');
    const error = words.find((line) => /error/i.test(line)) ?? words.at(-1);
    throw new HoldfastError(
      'CONFIG',
      `synthesis failed: ${error?.replace(/^error: /, '') ?? `exit code ${code}`}`,
      {
        hint: `${typed('cdk synth')} shows the whole of it`,
      },
    );
  }
  rmSync(outDir, { recursive: true, force: true });
  renameSync(fresh, outDir);
}

/** What a synthesis that was killed left, this process's own number included. */
function removeLeftovers(outDir: string): void {
  const own = `${basename(outDir)}.`;
  for (const name of readdirSync(dirname(outDir))) {
    const [, processId] = /^(\d+)\.new$/.exec(name.startsWith(own) ? name.slice(own.length) : '') ?? [];
    if (processId === undefined || (Number(processId) !== process.pid && isAlive(Number(processId))))
      continue;
    rmSync(join(dirname(outDir), name), { recursive: true, force: true });
  }
}

function isAlive(processId: number): boolean {
  try {
    return process.kill(processId, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
