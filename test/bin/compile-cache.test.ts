import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const bin = fileURLToPath(new URL('../../bin', import.meta.url));
let dir: string;
beforeEach(() => void (dir = mkdtempSync(join(tmpdir(), 'holdfast-cache-'))));
afterEach(() => rmSync(dir, { recursive: true }));

const folder = () => join(dir, 'holdfast', 'compiled');
function start(name: string, env: Record<string, string> = {}) {
  const { NODE_COMPILE_CACHE: _mine, ...rest } = process.env;
  const { status, stderr } = spawnSync(process.execPath, [join(bin, `${name}.js`), '--version'], {
    env: { ...rest, XDG_CACHE_HOME: dir, ...env },
    encoding: 'utf8',
  });
  return { status, stderr };
}
const ok = { status: 0, stderr: '' };

test.each(['holdfast', 'holdfast-agent'])('%s keeps what was compiled, for this user alone', (name) => {
  expect(start(name)).toEqual(ok);
  expect(statSync(folder()).mode & 0o777).toBe(0o700);
  expect(readdirSync(folder())).not.toEqual([]);
});

test('what others can write to is not run', () => {
  mkdirSync(folder(), { recursive: true });
  chmodSync(folder(), 0o777);
  expect(start('holdfast-agent')).toEqual(ok);
  expect(readdirSync(folder())).toEqual([]);
});

test('a start without such a folder only takes longer, and Node’s own settings count', () => {
  expect(start('holdfast-agent', { NODE_DISABLE_COMPILE_CACHE: '1' })).toEqual(ok);
  expect(existsSync(folder())).toBe(false);
  const own = join(dir, 'own');
  expect(start('holdfast-agent', { NODE_COMPILE_CACHE: own })).toEqual(ok);
  expect([existsSync(folder()), existsSync(own)]).toEqual([false, true]);
  writeFileSync(join(dir, 'file'), '');
  expect(start('holdfast-agent', { XDG_CACHE_HOME: join(dir, 'file') })).toEqual(ok);
});
