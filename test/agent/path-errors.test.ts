import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openError } from '../../agent/nbd/path-errors.ts';
import { runCli } from './cli-runner.ts';

/** Paths that cannot be used, as whoever typed them sees it. */
let dir: string;
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'holdfast-paths-'))));
afterEach(() => rmSync(dir, { recursive: true }));

const commands: [string, (path: string) => string[]][] = [
  ['volume inspect', (path) => ['volume', 'inspect', path]],
  ['serve', (path) => ['serve', path, '--nbd', 'unix:/tmp/never.sock']],
  ['snapshot create', (path) => ['snapshot', 'create', path, '--to', 's3://bucket/prefix']],
];

test.each(commands)('%s says what to do about a path that is not there', async (_name, args) => {
  const { code, stderr } = await runCli(args(join(dir, 'none')));
  expect(code).toBe(66);
  expect(stderr).toBe(
    `error: NOT_FOUND: ${dir}/none does not exist — check the path, and that its file system is mounted\n`,
  );
});

test.each(commands)('%s says of a directory that it is one of neither', async (_name, args) => {
  const { code, stderr } = await runCli(args(dir));
  expect(code).toBe(65);
  expect(stderr).toMatch(/ is neither a file nor a block device — name a regular file, or /);
});

test.each(commands)('%s takes a path below a file for one that is not there', async (_name, args) => {
  writeFileSync(join(dir, 'file'), 'x');
  const { code, stderr } = await runCli(args(join(dir, 'file', 'below')));
  expect(code).toBe(66);
  expect(stderr).toMatch(/^error: NOT_FOUND: .* does not exist — check the path/);
});

test.each([
  ['EACCES', 'FORBIDDEN', /run as a user who may open it/],
  ['EPERM', 'FORBIDDEN', /run as a user who may open it/],
  ['EROFS', 'FORBIDDEN', /mount its file system for writing/],
  ['EBUSY', 'BUSY', /unmount/],
  ['EIO', 'IO', /check the disk/],
])('%s becomes %s with what to do', (errno, code, hint) => {
  const error = openError('/data/x.img', Object.assign(new Error(`${errno}: as injected`), { code: errno }));
  expect(error).toMatchObject({ code, hint: expect.stringMatching(hint) });
});
