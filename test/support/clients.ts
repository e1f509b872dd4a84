import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * The real peers that tests talk to, none of which npm installs. `command` is what runs it (Debian's own Python, so
 * that a Python from elsewhere on the path does not hide its bindings); `probe` says more than that the file exists.
 */
const clients = {
  nbdinfo: { command: ['nbdinfo'] },
  nbdcopy: { command: ['nbdcopy'] },
  nbdsh: { command: ['/usr/bin/python3', '-m', 'nbd'], probe: ['/usr/bin/python3', '-c', 'import nbd'] },
  nbdkit: { command: ['nbdkit'] },
  'nbd-client': { command: ['nbd-client'] },
  'qemu-img': { command: ['qemu-img'] },
  'qemu-io': { command: ['qemu-io'] },
  fio: { command: ['fio'] },
  'fio-nbd': { command: ['fio'], probe: ['fio', '--enghelp=nbd'] },
  mke2fs: { command: ['mke2fs'] },
  e2fsck: { command: ['e2fsck'] },
  debugfs: { command: ['debugfs'] },
  strace: { command: ['strace'] },
  openssl: { command: ['openssl'] },
  smartctl: { command: ['smartctl'] },
  promtool: { command: ['promtool'] },
  alertmanager: { command: ['prometheus-alertmanager'] },
} as const satisfies Record<string, { command: readonly string[]; probe?: readonly string[] }>;

export type Client = keyof typeof clients;

/** Debian keeps e2fsprogs and nbd-client in sbin, which is not on every user's path. */
const searchPath = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
const env = { ...process.env, PATH: searchPath.join(delimiter), LC_ALL: 'C' };

/**
 * `describe` for a suite that needs real clients. Where one is missing the suite is skipped and says which and what
 * installs it; with HOLDFAST_FAIL_ON_SKIP=1 (the gate) it fails instead.
 */
export function describeWithClients(needed: readonly Client[], title: string, body: () => void): void {
  const missing = missingClients(needed);
  if (missing.length === 0) {
    describe(title, body);
    return;
  }
  const reason = `${missing.join(', ')} not installed; \`npm run setup\` installs what the tests need`;
  if (process.env['HOLDFAST_FAIL_ON_SKIP'] === '1') {
    describe(title, () => {
      it('has its real clients', () => {
        throw new Error(`${reason} (HOLDFAST_FAIL_ON_SKIP=1)`);
      });
    });
    return;
  }
  process.stderr.write(`skipped: ${title}: ${reason}\n`);
  describe.skip(`${title} (skipped: ${reason})`, body);
}

export const missingClients = (needed: readonly Client[]): Client[] =>
  needed.filter((client) => !isInstalled(client));

/** What starts a client that goes on running; `runClient` is for those that end. */
export const clientCommand = (client: Client): [string, ...string[]] => [
  ...(clients[client].command as readonly string[] as [string, ...string[]]),
];

export interface ClientResult {
  /** Exit code; a process that a signal ended has 128. */
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a client to its end without blocking this process (which often is the server it talks to). */
export function runClient(
  client: Client,
  args: readonly string[],
  options: { input?: string; cwd?: string; timeoutMs?: number } = {},
): Promise<ClientResult> {
  const [command, ...first] = clients[client].command as readonly string[] as [string, ...string[]];
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...first, ...args], {
      cwd: options.cwd,
      env,
      timeout: options.timeoutMs ?? 30_000,
      killSignal: 'SIGKILL',
    });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({
        code: code ?? 128,
        stdout: Buffer.concat(out).toString(),
        stderr: Buffer.concat(err).toString(),
      }),
    );
    child.stdin.on('error', () => undefined); // it may end without reading its input
    child.stdin.end(options.input ?? '');
  });
}

/** `runClient` that throws with both outputs unless the client exits with 0. Resolves with its standard output. */
export async function clientOutput(
  client: Client,
  args: readonly string[],
  options: { input?: string; cwd?: string; timeoutMs?: number } = {},
): Promise<string> {
  const result = await runClient(client, args, options);
  if (result.code === 0) return result.stdout;
  throw new Error(`${client} ${args.join(' ')} exited with ${result.code}\n${result.stdout}${result.stderr}`);
}

function isInstalled(client: Client): boolean {
  const { command, probe } = clients[client] as { command: readonly string[]; probe?: readonly string[] };
  if (!searchPath.some((folder) => isExecutable(join(folder, command[0]!))) && !isExecutable(command[0]!)) {
    return false;
  }
  if (!probe) return true;
  return spawnSync(probe[0]!, probe.slice(1), { env, stdio: 'ignore' }).status === 0;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
