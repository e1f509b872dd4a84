import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Says "up", then goes on until it is told to end. */
const child = `
  const { exitWithParent } = await import('./bin/exit-with-parent.ts');
  exitWithParent(process.env);
  setInterval(() => undefined, 1000);
  process.on('SIGTERM', () => { console.log('ended in order'); process.exit(0); });
  console.log('up');`;
const parent = `
  const { spawn } = require('node:child_process');
  spawn(process.execPath, ['--input-type=module', '-e', process.argv[1]], { stdio: ['ignore', 'inherit', 'inherit'] });
  setInterval(() => undefined, 1000);`;

it.each(['HOLDFAST_EXIT_WITH_PARENT', 'npm_lifecycle_event'])(
  'ends a process in order when its parent was killed, where %s says so',
  async (variable) => {
    const env = { PATH: process.env['PATH'], [variable]: 'start' };
    const started = spawn(process.execPath, ['-e', parent, child], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let printed = '';
    const ended = once(started.stdout, 'close');
    for await (const data of started.stdout.setEncoding('utf8')) {
      printed += String(data);
      if (printed === 'up\n') started.kill('SIGKILL');
    }
    await ended;
    expect(printed).toBe('up\nended in order\n');
  },
);
