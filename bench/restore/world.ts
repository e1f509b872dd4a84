import { once } from 'node:events';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, Server } from '../support/processes.ts';
import type { Delivery } from './deliveries.ts';
import { makeImage } from './image.ts';

const here = dirname(fileURLToPath(import.meta.url));
const agent = join(here, '..', '..', 'bin', 'holdfast-agent.js');

/** What every case works on: one image, the same as a snapshot, and the server that both are fetched from. */
export class World {
  readonly dir: string;
  readonly image: string;
  readonly imageBytes: number;
  snapshotId = '';
  readonly #others = new Map<string, string>();
  #count = 0;

  constructor(dir: string, imageBytes: number) {
    this.dir = dir;
    this.imageBytes = imageBytes;
    this.image = join(dir, 'served', 'image.raw');
  }

  async prepare(): Promise<void> {
    await mkdir(dirname(this.image), { recursive: true });
    await makeImage(this.image, this.imageBytes);
    this.snapshotId = await this.#snapshot(this.image);
  }

  /** The snapshot of that name; `make` writes the volume that it is of where there is none yet. */
  async snapshotOf(name: string, make: (path: string) => Promise<void>): Promise<string> {
    const known = this.#others.get(name);
    if (known !== undefined) return known;
    const path = this.path(name);
    await make(path);
    const snapshotId = await this.#snapshot(path);
    await rm(path);
    this.#others.set(name, snapshotId);
    return snapshotId;
  }

  async #snapshot(path: string): Promise<string> {
    await using backend = await this.backend({});
    const args = [agent, 'snapshot', 'create', path, '--to', 's3://bucket/vol', '--json'];
    const { stdout } = await run(process.execPath, args, { env: backend.env });
    const last = JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as { snapshotId?: string };
    return last.snapshotId ?? '';
  }

  async backend(options: { latencyMs?: number; bytesPerSec?: number }): Promise<Backend> {
    const flags = ['--latency', String(options.latencyMs ?? 0), '--rate', String(options.bytesPerSec ?? 0)];
    const server = new Server('backend', process.execPath, [
      join(here, 'backend.ts'),
      join(this.dir, 'served'),
      '0',
      ...flags,
    ]);
    const [port] = (await once(server.child.stdout!, 'data')) as [Buffer];
    return new Backend(server, `http://127.0.0.1:${String(port).trim()}`);
  }

  /** What the last restore learnt of its clients' reads: the next one is to begin as cold. */
  async forgetReads(): Promise<void> {
    await rm(join(this.dir, 'served', 'bucket', 'vol', 'hot'), { recursive: true, force: true });
  }

  get snapshotUrl(): string {
    return `s3://bucket/vol/${this.snapshotId}`;
  }

  /** A path that nothing has used yet. */
  path(name: string): string {
    return join(this.dir, `${++this.#count}-${name}`);
  }

  /** Arguments of node for one of the agent's commands. */
  agent(...args: string[]): string[] {
    return [agent, ...args];
  }

  serve(
    name: string,
    program: string,
    args: string[],
    socket: string,
    env?: NodeJS.ProcessEnv,
  ): Promise<Server> {
    return new Server(name, program, args, env).listening(socket);
  }

  async remove(): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}

export class Backend implements AsyncDisposable {
  readonly url: string;
  readonly #server: Server;

  constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  get env(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      AWS_ENDPOINT_URL_S3: this.url,
      AWS_ACCESS_KEY_ID: 'bench',
      AWS_SECRET_ACCESS_KEY: 'bench',
      AWS_REGION: 'us-east-1',
    };
  }

  /** What it has sent since it was last asked. */
  async deliveries(): Promise<Delivery[]> {
    return (await (await fetch(`${this.url}/deliveries`)).json()) as Delivery[];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server.stop();
  }
}
