import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { journalFileName } from '../agent/commands/command-journal.ts';
import { configurationFileName } from '../agent/configuration/configuration-keeper.ts';
import { linkMemoryFileName } from '../agent/connection/link-memory.ts';
import { shownEnvironment } from '../agent/diagnostics/environment.ts';
import { identityFileName } from '../agent/identity/gateway-identity.ts';
import { keyFileName } from '../agent/identity/gateway-key.ts';
import { bundleSchema, sectionNames } from '../core/diagnostics.ts';
import { checkedParams } from '../core/commands/submission.ts';
import { commandKinds, commandSpecs, paramOfText } from '../core/command-kinds.ts';
import { exampleSend, parametersOf } from '../core/command-parameters.ts';
import { auditedFleetRoutes, auditedRoutes } from '../core/audit/actions.ts';
import { apiRoutes, operatorRoutes } from '../core/api-routes.ts';
import { errorCodes } from '../core/errors.ts';
import { durationText } from '../core/readable.ts';
import { knownTypes } from '../local/template/types.ts';
import { startFakeApi } from './cli/fake-api.ts';

const page = (name: string): string => readFileSync(new URL(`../docs/${name}`, import.meta.url), 'utf8');

it('docs/errors.md lists every code with its exit code and HTTP status, and what to do', () => {
  const rows = [...page('errors.md').matchAll(/^\| `([A-Z_]+)` +\| (\d+) +\| (\d+) +\| (.+) \|$/gm)];
  const listed = rows.map(([, code, exit, http]) => [code, { exit: Number(exit), http: Number(http) }]);
  expect(listed).toEqual(Object.entries(errorCodes));
  for (const [, code, , , meaning = ''] of rows)
    expect([code, meaning.trim()]).toEqual([code, expect.stringMatching(/\w{3}.*\.$/)]);
});

it('README leads to docs/errors.md', () => {
  expect(page('../README.md').split('## Where to go next')[1]).toContain('](docs/errors.md)');
});

/** The names of properties in a list of them. */
const names = (text = ''): string[] => [...text.matchAll(/`(\w+)`/g)].map(([, name = '']) => name);

it('docs/access.md has every request with the least role that may make it', () => {
  const rows = [...page('access.md').matchAll(/^\| `([A-Z]+) (\S+)` +\| (\S+) +\| `[a-z].*` ?.*\|$/gm)];
  const listed = rows.map(([, method, path, role]) => ({ method, path, role }));
  const tenants = Object.values(apiRoutes).map(({ method, path, role }) => ({ method, path, role }));
  const fleet = Object.values(operatorRoutes).map(({ method, path }) => ({
    method,
    path: path.replace('/operator/v1', ''),
    role: 'operator',
  }));
  expect(listed).toEqual([...tenants, ...fleet]);
});

it('docs/audit.md lists every action', () => {
  const table = /^\| action [^]*?^$/m.exec(page('audit.md'))?.[0] ?? '';
  const listed = [...table.matchAll(/`([a-z-]+\.[a-z]+)`/g)].map(([, action]) => action);
  const routes = [...Object.values(auditedRoutes), ...Object.values(auditedFleetRoutes)];
  const own = ['command.submit', 'command.final', 'gateway.activate'];
  expect(listed.sort()).toEqual([...routes.map(({ action }) => action), ...own].sort());
});

it('docs/commands.md has every kind of command and no other', () => {
  const listed = [...page('commands.md').matchAll(/^### (.+)$/gm)].map(([, kind]) => kind);
  expect(listed).toEqual(commandKinds);
});

it.each(commandKinds)(
  'docs/commands.md says of %s what its schema takes, with an example that it takes',
  (kind) => {
    const { idempotent, timeoutMs } = commandSpecs[kind];
    const section = page('commands.md').split(`### ${kind}\n`)[1]?.split('###')[0] ?? '';
    const rows = [...section.matchAll(/^\| `(\w+)` +\| (.+?) +\| (yes|no) +\| (.+?) +\|$/gm)];
    expect(
      rows.map(([, name, type, needed, meaning]) => ({ name, type, isNeeded: needed === 'yes', meaning })),
    ).toEqual(parametersOf(kind));
    const repeats = idempotent ? 'May run twice' : 'Is started once';
    expect(section).toContain(`. ${repeats}; ends within ${durationText(timeoutMs)}.`);
    const example = /^npx holdfast (.*)$/m.exec(section)?.[1] ?? '';
    expect(example).toBe(exampleSend(kind));
    const params = [...example.matchAll(/-p (\w+)=(\S+)/g)].map(([, name = '', text = '']) => [
      name,
      paramOfText(kind, name, text),
    ]);
    expect(checkedParams(kind, Object.fromEntries(params)).kind).toBe(kind);
  },
);

it('the runbook of SnapshotOld leads to what takes snapshots, in lines that can be typed', async () => {
  const runbook = page('runbooks.md').split('## SnapshotOld\n')[1]?.split('\n## ')[0] ?? '';
  expect(runbook).toContain('](commands.md#snapshots-each-night)');
  const section = page('commands.md').split('## Snapshots each night\n')[1]?.split('\n## ')[0] ?? '';
  const lines = [...section.matchAll(/&& npx holdfast (.*)$/gm)].map(([, line = '']) => line);
  expect(lines.map((line) => /^(send \S+|bulk send) snapshot\.create /.test(line))).toEqual([true, true]);
  const api = await startFakeApi();
  api.answer = { status: 404, body: { error: { code: 'NOT_FOUND', message: 'as far as this goes' } } };
  for (const line of lines) {
    const { err } = await api.run([...line.replaceAll(/"[^"]*"/g, 'key').split(' '), ...api.asTenant()]);
    expect(err).toContain('as far as this goes');
  }
  await api.close();
});

/** Of an object, or of each one in a list. */
function fieldsOf(schema: unknown): string[] {
  if (schema instanceof z.ZodOptional) return fieldsOf(schema.unwrap());
  if (schema instanceof z.ZodArray) return fieldsOf(schema.element);
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

it.each(sectionNames)('docs/diagnostics.md lists every field of the section %s, and no other', (name) => {
  const section = new RegExp(`^### ${name}$([^]*?)^##`, 'm').exec(page('diagnostics.md'))?.[1] ?? '';
  const listed = [...section.matchAll(/^\| `(\w+)` +\| .*\w{2}.* \|$/gm)].map(([, field]) => field);
  expect(listed).toEqual(fieldsOf(bundleSchema.shape[name]));
});

it('docs/diagnostics.md names every variable that a bundle may show', () => {
  const text = /^The variables are ([^]*?)\./m.exec(page('diagnostics.md'))?.[1] ?? '';
  const env = Object.fromEntries(names(text).map((name) => [name, 'http://h']));
  const all = { ...env, ...Object.fromEntries(Object.keys(env).map((name) => [name.toLowerCase(), 'x'])) };
  const shown = Object.keys(shownEnvironment({ ...all, NODE_OPTIONS: 'x', HOME: 'x' }));
  expect([...new Set(shown.map((name) => name.toUpperCase()))].sort()).toEqual(names(text).sort());
});

describe('docs/gateway-host.md', () => {
  const text = page('gateway-host.md');
  const unit = /^```ini\n(\[Unit\][^]*?)^```/m.exec(text)?.[1] ?? '';
  const root = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');
  const setting = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1] ?? '';

  it('has a unit that starts what there is, and not again what no restart mends', () => {
    const [node = '', , script = '', ...argv] = setting('ExecStart')
      .replaceAll('/opt/holdfast', root)
      .split(' ');
    expect([existsSync(node), existsSync(script), argv]).toEqual([true, true, ['run']]);
    const codes = [...new Set(setting('RestartPreventExitStatus').split(' ').map(Number))];
    const { USAGE, CORRUPT, CONFIG, UNSUPPORTED } = errorCodes;
    expect(codes).toEqual([USAGE, CORRUPT, CONFIG, UNSUPPORTED].map(({ exit }) => exit));
  });

  const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;
  (hasSystemd ? it : it.skip)('has a unit that systemd understands to the last line', () => {
    const dir = mkdtempSync(join(tmpdir(), 'holdfast-unit-'));
    const file = join(dir, 'holdfast-agent.service');
    writeFileSync(file, unit.replaceAll('/opt/holdfast', root));
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', file], { encoding: 'utf8' });
    rmSync(dir, { recursive: true });
    expect([status, stderr]).toEqual([0, '']);
  });

  it('names each file of the state directory', () => {
    const files = [keyFileName, identityFileName, journalFileName, linkMemoryFileName, configurationFileName];
    for (const name of files) expect(text).toContain(`\`${name}\``);
  });

  it.each(['../README.md', 'deploy.md'])('is linked from %s', (from) => {
    expect(page(from)).toMatch(/\]\((docs\/)?gateway-host\.md\)/);
  });
});

it('docs/local.md lists every type that boots, with its properties and those without effect', () => {
  const section = /^## Resource types$([^]*?)^## /m.exec(page('local.md'))?.[1] ?? '';
  const listed = section
    .split(/^- /m)
    .slice(1)
    .map((item) => {
      const [, type, properties = ''] = /^\*\*`([\w:]+)`\*\*([^]*)$/.exec(item) ?? [];
      const [used, withoutEffect] = properties.split(/without\s+effect:/);
      return [type, { used: names(used), withoutEffect: names(withoutEffect) }];
    });
  expect(listed).toEqual(Object.entries(knownTypes));
});
