import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { openStateDirectory, stateDirectoryPath } from '../../agent/state/state-directory.ts';
import { readVersionedFile, writeVersionedFile } from '../../agent/state/versioned-file.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const format = { format: 'test', version: 2, schema: z.object({ name: z.string() }) };

describe('a versioned file', () => {
  it('gives back what was written, in a file for its owner alone', async () => {
    const path = join(temporaryDirectory(), 'a.json');
    await writeVersionedFile(path, format, { name: 'x' });
    expect(await readVersionedFile(path, format)).toEqual({ name: 'x' });
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('is undefined where there is no file', async () => {
    expect(await readVersionedFile(join(temporaryDirectory(), 'none'), format)).toBeUndefined();
  });

  it('keeps the old content until the new one is whole', async () => {
    const path = join(temporaryDirectory(), 'a.json');
    await writeVersionedFile(path, format, { name: 'old' });
    writeFileSync(`${path}.tmp`, '{"half');
    expect(await readVersionedFile(path, format)).toEqual({ name: 'old' });
    await writeVersionedFile(path, format, { name: 'new' });
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ format: 'test', version: 2, name: 'new' });
  });

  it('names the file and the fault when it is cut at any byte', async () => {
    const path = join(temporaryDirectory(), 'a.json');
    await writeVersionedFile(path, format, { name: 'x' });
    const whole = readFileSync(path);
    for (let length = 0; length < whole.length - 1; length++) {
      writeFileSync(path, whole.subarray(0, length));
      await expect(readVersionedFile(path, format)).rejects.toMatchObject({
        code: 'CORRUPT',
        message: expect.stringContaining(path),
      });
    }
  });

  it('says what to do where a directory stands in its place', async () => {
    await expect(readVersionedFile(temporaryDirectory(), format)).rejects.toMatchObject({
      code: 'IO',
      hint: expect.stringContaining('move it away'),
    });
  });

  it('refuses another format, a newer version and a wrong field', async () => {
    const path = join(temporaryDirectory(), 'a.json');
    const read = (json: unknown) => {
      writeFileSync(path, JSON.stringify(json));
      return readVersionedFile(path, format);
    };
    await expect(read({ format: 'other', version: 2, name: 'x' })).rejects.toMatchObject({ code: 'CORRUPT' });
    await expect(read({ format: 'test', version: 3, name: 'x' })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      hint: expect.stringContaining('newer agent'),
    });
    await expect(read({ format: 'test', version: 2, name: 7 })).rejects.toMatchObject({ code: 'CORRUPT' });
  });
});

describe('the state directory', () => {
  it('belongs to one process at a time', async () => {
    const path = join(temporaryDirectory(), 'deep', 'state');
    const first = await openStateDirectory(path);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    await expect(openStateDirectory(path)).rejects.toMatchObject({
      code: 'BUSY',
      message: expect.stringContaining(path),
    });
    await first.close();
    const second = await openStateDirectory(path);
    await second.close();
  });

  it('is closed to other users even if it was made open', async () => {
    const path = join(temporaryDirectory(), 'open');
    mkdirSync(path, { mode: 0o755 });
    const state = await openStateDirectory(path);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    await state.close();
  });

  it('refuses a file and a path that is too long for sockets', async () => {
    const base = temporaryDirectory();
    writeFileSync(join(base, 'file'), '');
    await expect(openStateDirectory(join(base, 'file'))).rejects.toMatchObject({
      code: 'IO',
      hint: expect.stringContaining('--state-dir'),
    });
    await expect(openStateDirectory(join(base, 'x'.repeat(80)))).rejects.toMatchObject({ code: 'CONFIG' });
  });

  it('is found by option, then environment, then XDG, then home', () => {
    const env = { HOLDFAST_AGENT_STATE: '/env', XDG_STATE_HOME: '/xdg' };
    expect(stateDirectoryPath('/option', env)).toBe('/option');
    expect(stateDirectoryPath(undefined, env)).toBe('/env');
    expect(stateDirectoryPath(undefined, { XDG_STATE_HOME: '/xdg' })).toBe('/xdg/holdfast-agent');
    expect(stateDirectoryPath(undefined, {})).toMatch(/\/\.local\/state\/holdfast-agent$/);
  });

  it('refuses a path below /proc, where making a directory would never end', () => {
    expect(() => stateDirectoryPath('/proc/foo', {})).toThrow('cannot hold files');
    expect(stateDirectoryPath('/procure', {})).toBe('/procure');
  });
});
