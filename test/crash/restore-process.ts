import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { transmitting, type RawClient } from '../agent/nbd/raw-client.ts';
import { tracedCalls } from './recording.ts';

const agent = fileURLToPath(new URL('../../bin/holdfast-agent.ts', import.meta.url));

export interface RestoreParams {
  /** s3://bucket/prefix/SNAPSHOT-ID, and where S3 is. */
  url: string;
  endpoint: string;
  target: string;
  state: string;
  socket: string;
  flags: string[];
  /** Where strace writes what the process asks of the kernel. */
  trace?: string;
}

export interface RestoreProcess {
  /** The next event of that name that the process prints; undefined where it ends before. */
  event(name: string): Promise<Record<string, unknown> | undefined>;
  connect(): Promise<RawClient>;
  kill(signal: NodeJS.Signals): void;
  /** When the process is gone, and strace too. */
  exit: Promise<{ code: number | null; signal: NodeJS.Signals | null; stderr: string }>;
}

/** The real `holdfast-agent restore … --nbd`. */
export function startRestore(p: RestoreParams): RestoreProcess {
  const restore = [agent, 'restore', p.url, p.target, '--state-dir', p.state];
  const command = [process.execPath, ...restore, '--nbd', `unix:${p.socket}`, '--export-name', 'v', '--json'];
  // -D: the agent is our child, so that signals reach it; strace ends behind it.
  const tracer = [
    'strace',
    '-D',
    '-f',
    '--seccomp-bpf',
    '-y',
    '-xx',
    '-s',
    '9000000',
    '-e',
    `trace=${tracedCalls}`,
    '-o',
  ];
  const [program, ...args] = [...(p.trace ? [...tracer, p.trace] : []), ...command, ...p.flags];
  const env = {
    ...process.env,
    AWS_ENDPOINT_URL_S3: p.endpoint,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_REGION: 'us-east-1',
    // Most of a start is the loading of modules.
    NODE_COMPILE_CACHE: join(tmpdir(), 'holdfast-compile-cache'),
  };
  const child = spawn(program!, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (data) => (stderr += String(data)));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const exit = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as NodeJS.Signals | null,
    stderr,
  }));
  return {
    exit,
    kill: (signal) => void child.kill(signal),
    connect: () => transmitting({ unix: p.socket }, 'v'),
    async event(name) {
      for (;;) {
        const { value, done } = await lines.next();
        if (done) return undefined;
        const event = JSON.parse(value) as Record<string, unknown>;
        if (event['event'] === name) return event;
      }
    },
  };
}
