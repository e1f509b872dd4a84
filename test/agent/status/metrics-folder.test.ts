import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { parseExposition } from '../../../agent/status/exposition.ts';
import { createMetricsFolder } from '../../../agent/status/metrics-folder.ts';
import { temporaryDirectory } from '../temporary-directory.ts';

const parent = temporaryDirectory();
const path = join(parent, 'metrics');
beforeEach(() => {
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path);
});

/** Seconds ago. */
const write = (name: string, text: string, age = 0): void => {
  writeFileSync(join(path, name), text);
  const at = Date.now() / 1000 - age;
  utimesSync(join(path, name), at, at);
};
function folder(folderPath = path) {
  const troubles: string[] = [];
  const log = (_level: string, event: string, fields: { file?: unknown; reason?: unknown } = {}) =>
    void troubles.push(`${event} ${String(fields.file)}: ${String(fields.reason)}`);
  return { read: createMetricsFolder({ path: folderPath, now: Date.now, log }), troubles };
}

describe('metrics of the data path', () => {
  it('are taken from what it writes, by name', async () => {
    write(
      'cache.prom',
      '# HELP gateway_cache_hit_ratio Reads served\n# TYPE gateway_cache_hit_ratio gauge\n' +
        'gateway_cache_hit_ratio 0.93\n' +
        'gateway_cache_dirty_utilization{pool="a}b\\"c"} 0.2 1795343911438\n' +
        'gateway_cache_dirty_utilization{pool="second"} 4.1e-1\n' +
        'node_something_else 5\n',
    );
    write('buffer.prom', 'gateway_upload_buffer_utilization 0.5');
    write('other.txt', 'gateway_cache_hit_ratio 0');
    const { read, troubles } = folder();
    expect(await read()).toEqual({
      'gateway.cache.hit_ratio': 0.93,
      'gateway.cache.dirty.utilization': 0.41,
      'gateway.upload_buffer.utilization': 0.5,
    });
    expect(troubles).toEqual([]);
  });

  it('of a writer that writes no more say nothing about now', async () => {
    write('old.prom', 'gateway_cache_hit_ratio 0.1\n', 301);
    write('new.prom', 'gateway_cache_dirty_utilization 0.1\n', 290);
    const { read, troubles } = folder();
    expect(await read()).toEqual({ 'gateway.cache.dirty.utilization': 0.1 });
    expect(troubles).toEqual(['metrics-dir.not-read old.prom: it was not written in the last five minutes']);
  });

  it('are those of the newer one of two files', async () => {
    write('a.prom', 'gateway_cache_hit_ratio 0.1\n', 10);
    write('b.prom', 'gateway_cache_hit_ratio 0.2\n', 20);
    expect(await folder().read()).toEqual({ 'gateway.cache.hit_ratio': 0.1 });
  });

  it.each([
    ['more than 1', 'gateway_cache_hit_ratio 93\n', 'is 93 and not between'],
    ['no number', 'gateway_cache_hit_ratio many\n', 'line 1 is no sample'],
    ['NaN', 'gateway_cache_hit_ratio NaN\n', 'is NaN and not between'],
  ])('that are %s are not taken, and that is said once', async (_what, text, reason) => {
    write('x.prom', `${text}gateway_upload_buffer_utilization 0.5\n`);
    const { read, troubles } = folder();
    for (let i = 0; i < 3; i++) expect(await read()).toEqual({ 'gateway.upload_buffer.utilization': 0.5 });
    expect(troubles).toEqual([expect.stringContaining(reason)]);
  });

  it('are not taken from what is no plain file of a sane size', async () => {
    writeFileSync(join(parent, 'secret'), 'gateway_cache_hit_ratio 0.5\n');
    symlinkSync(join(parent, 'secret'), join(path, 'link.prom'));
    execFileSync('mkfifo', [join(path, 'pipe.prom')]);
    mkdirSync(join(path, 'folder.prom'));
    write('huge.prom', 'gateway_cache_hit_ratio 0.5\n'.repeat(10_000));
    write('.half.prom', 'gateway_cache_hit_ratio 0.5\n');
    const { read, troubles } = folder();
    expect(await read()).toEqual({});
    expect(troubles.map((line) => line.split(' ')[1])).toEqual([
      'folder.prom:',
      'huge.prom:',
      'link.prom:',
      'pipe.prom:',
    ]);
  });

  it('are few, however many files there are', async () => {
    for (let i = 100; i < 200; i++) write(`${i}.prom`, `gateway_cache_hit_ratio 0.${i}\n`, 200 - i);
    expect(await folder().read()).toEqual({ 'gateway.cache.hit_ratio': 0.131 });
  });

  it('may come to a folder that is made later', async () => {
    const { read, troubles } = folder(join(path, 'later'));
    expect(await read()).toEqual({});
    expect(await read()).toEqual({});
    expect(troubles).toEqual([expect.stringContaining('ENOENT')]);
    mkdirSync(join(path, 'later'));
    write('x.prom', 'gateway_cache_hit_ratio 0.5\n');
    renameSync(join(path, 'x.prom'), join(path, 'later', 'x.prom'));
    expect(await read()).toEqual({ 'gateway.cache.hit_ratio': 0.5 });
  });

  it('of any text are bounded in number, and have names', () => {
    const line = fc.oneof(
      fc.string(),
      fc.tuple(fc.string(), fc.double()).map(([name, value]) => `${name} ${value}`),
      fc.string().map((label) => `a{b="${label}"} 1`),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 50 }), (lines) => {
        const { samples } = parseExposition(lines.join('\n'));
        for (const { name, value } of samples) {
          expect(name).toMatch(/^[a-zA-Z_:][a-zA-Z0-9_:]*$/);
          expect(typeof value).toBe('number');
        }
      }),
    );
    const many = parseExposition('a 1\n'.repeat(2_000));
    expect(many).toMatchObject({ problem: 'more than 1000 samples', samples: { length: 1_000 } });
  });
});
