import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { holdfastProgram } from '../../bin/holdfast-program.ts';
import { runProgram } from '../../cli/program.ts';

export interface Run {
  code: number;
  out: string;
  err: string;
}

interface RunOptions {
  env?: Record<string, string>;
  stdin?: string;
  interrupted?: () => Promise<void>;
  isTerminal?: boolean;
  now?: () => number;
}

/** An HTTP API that answers what a test tells it to, and the command line that asks it. */
export interface FakeApi {
  readonly endpoint: string;
  /** A directory for the test's files. */
  readonly dir: string;
  /** Status 0: the connection breaks before the answer. */
  answer: { status: number; body: unknown; headers?: Record<string, string> };
  /** Bodies by path and query, before `answer`. */
  bodies: Record<string, unknown>;
  requests: { method: string; url: string; authorization: string; body: string }[];
  /** Types one command line, without a local control plane. */
  run(argv: string[], options?: RunOptions): Promise<Run>;
  /** The flags that ask this API as a tenant. */
  asTenant(): string[];
  /** Types one command line of the provider's operator, who has the credentials of a local control plane. */
  runAsOperator(...argv: string[]): Promise<Run>;
  /** A file with a tenant's token. */
  token(mode?: number): string;
  close(): Promise<void>;
}

const unused = (what: string) => () => {
  throw new Error(`${what} was not to be used`);
};

export async function startFakeApi(): Promise<FakeApi> {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-cli-'));
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    api.requests.push({
      method: request.method ?? '',
      url: request.url ?? '',
      authorization: request.headers.authorization ?? '',
      body: Buffer.concat(chunks).toString(),
    });
    const { status, body, headers } = api.answer;
    if (status === 0) return void request.socket.destroy();
    const own = api.bodies[request.url ?? ''];
    response
      .writeHead(own === undefined ? status : 200, { 'content-type': 'application/json', ...headers })
      .end(JSON.stringify(own ?? body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const api: FakeApi = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    dir,
    answer: { status: 200, body: {} },
    bodies: {},
    requests: [],
    run: async (argv, { env, stdin, interrupted, isTerminal = false, now = () => 1_000_000 } = {}) => {
      const result: Run = { code: -1, out: '', err: '' };
      const deps = {
        env: { HOLDFAST_DATA_DIR: join(dir, 'none'), ...env },
        stdout: (text: string) => void (result.out += `${text}\n`),
        stderr: (text: string) => void (result.err += `${text}\n`),
        now,
        readStdin: async () => stdin ?? '',
        start: unused('the local control plane'),
        interrupted: interrupted ?? unused('a signal'),
        isTerminal,
        stopSignal: unused('a signal'),
        setExitCode: unused('the exit code'),
      };
      result.code = await runProgram(holdfastProgram(deps), argv, deps);
      return result;
    },
    asTenant: () => ['--endpoint', api.endpoint, '--token-file', api.token()],
    runAsOperator: (...argv) => {
      const operator = { accessKeyId: 'AKLOCAL', secretAccessKey: 'x' };
      const { endpoint } = api;
      const client = { endpoint, cells: {}, region: 'eu-north-1', tenantId: 'acme', operator };
      writeFileSync(join(dir, 'client.json'), JSON.stringify(client));
      return api.run(argv, { env: { HOLDFAST_DATA_DIR: dir } });
    },
    token: (mode = 0o600) => {
      const file = join(dir, `token-${mode}`);
      writeFileSync(file, 'secret-token\n', { mode });
      return file;
    },
    close: async () => {
      await new Promise((resolve) => server.close(resolve));
      rmSync(dir, { recursive: true });
    },
  };
  return api;
}
