import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { CaseBook } from '../../admin/case-book.ts';
import { describeWithClients, runClient } from '../support/clients.ts';
import { alertKey, ControlPlane } from './admin-world.ts';
import { answerOne } from './answer-one.ts';
import { serveControlPlane, type ControlPlaneServer } from './control-plane-server.ts';

/**
 * The case book is written four times in the life of a case that goes well: decided, submitted, ended, confirmed. Each
 * write opens, writes, syncs and renames a file, and opens and syncs its directory; the process is killed at each.
 */
const writes = 4;
const points = (
  [
    ['openat', 2 * writes],
    ['write', writes],
    ['fsync', 2 * writes],
    ['rename', writes],
  ] as const
).flatMap(([call, count]) => Array.from({ length: count }, (_, i) => ({ call, nth: i + 1 })));

describeWithClients(['strace'], 'the case book’s process, killed with SIGKILL', () => {
  let server: ControlPlaneServer;
  let dir: string;
  const clouds = new Map<string, ControlPlane>();
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'holdfast-killed-writes-'));
    server = await serveControlPlane((token) => clouds.get(token)!);
  });
  afterAll(async () => {
    await server.close();
    await rm(dir, { recursive: true });
  });

  /** Runs the process in a directory of its own; resolves with what is left of the world. */
  async function killedAt(name: string, inject: string[]) {
    const stateDir = join(dir, name);
    const cloud = new ControlPlane();
    clouds.set(name, cloud);
    await mkdir(stateDir);
    const book = ['-P', stateDir, '-P', join(stateDir, 'cases.json.new')];
    // One thread for files: strace counts the calls of each thread by itself.
    const traced = ['-f', '-qq', '-o', '/dev/null', '-E', 'UV_THREADPOOL_SIZE=1', ...book, ...inject];
    const program = [process.execPath, 'test/admin/mortal-process.ts', server.endpoint, name, stateDir];
    const { code } = await runClient('strace', [...traced, ...program], { timeoutMs: 60_000 });
    return { code, cloud, stateDir };
  }

  test('writes it as often as is assumed here', async () => {
    const { code, stateDir } = await killedAt('whole', [
      '-e',
      `inject=rename:signal=SIGKILL:when=${writes + 1}`,
    ]);
    expect(code).toBe(0);
    expect((await CaseBook.open(stateDir)).get(`${alertKey}#1`)?.phase).toBe('confirmed');
  }, 60_000);

  test('at every write of it, sends one command, and the next one sees the alert resolved', async () => {
    const limit = pLimit(2);
    const killAndGoOn = async ({ call, nth }: (typeof points)[number]) => {
      const inject = ['-e', `inject=${call}:signal=SIGKILL:when=${nth}`];
      const { code, cloud, stateDir } = await killedAt(`${call}-${nth}`, inject);
      const book = await answerOne(cloud.api, stateDir);
      const phase = book.get(`${alertKey}#1`)?.phase;
      return { call, nth, isKilled: code !== 0, commands: cloud.commands.size, phase };
    };
    const results = await Promise.all(points.map((point) => limit(() => killAndGoOn(point))));
    expect(results).toEqual(
      points.map((point) => ({ ...point, isKilled: true, commands: 1, phase: 'confirmed' })),
    );
  }, 120_000);
});
