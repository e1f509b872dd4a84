import { commandLines, pathsOf } from './command-trees.ts';

/** Both streams wrap at the width of their own terminal. */
const oneSpaced = (text: string): string => text.replace(/\s+/g, ' ');

describe.each(commandLines)('$name', ({ name, program, run }) => {
  const commands = pathsOf(program()).map((found) => ({ ...found, typed: [name, ...found.path].join(' ') }));
  const groups = commands.filter(({ isGroup }) => isGroup);

  it.each(commands)('`$typed --help` has examples of it', async ({ path, typed }) => {
    const { code, stdout, stderr } = await run([...path, '--help']);
    expect([code, stderr]).toEqual([0, '']);
    const examples = /^Examples?:\n([^]*)$/m.exec(stdout)?.[1];
    expect(examples).toContain(` npx ${typed}`);
  });

  it.each(commands)('`$typed --help` fits a terminal of 80 columns', async ({ path }) => {
    const { stdout } = await run([...path, '--help']);
    expect(stdout.split('\n').filter((line) => [...line].length > 80)).toEqual([]);
  });

  it.each(commands)('`$typed --help` marks what is required', async ({ path, required }) => {
    const { stdout } = await run([...path, '--help']);
    expect(stdout.split('(required)')).toHaveLength(required.length + 1);
    for (const option of required) expect(oneSpaced(stdout)).toContain(`${option} (required)`);
  });

  it.each(commands)(
    '`$typed` refuses a flag that is there twice, but for those that make a list',
    async ({ path, valued }) => {
      for (const { flag, value, isCollected } of valued) {
        const { code, stderr } = await run([...path, flag, value, flag, value]);
        const twice = `error: USAGE: ${flag} is there twice — it takes one value: give it once\n`;
        if (isCollected) expect(stderr).not.toContain('is there twice');
        else expect([code, stderr]).toEqual([64, twice]);
      }
    },
  );

  it.each(groups)('`$typed` alone shows its help and one line, as errors', async ({ path, typed }) => {
    const help = await run([...path, '--help']);
    const { code, stdout, stderr } = await run(path);
    expect([code, stdout]).toEqual([64, '']);
    const line = `error: USAGE: a subcommand is missing — see npx ${typed} --help\n`;
    expect(oneSpaced(stderr)).toBe(oneSpaced(`${help.stdout}${line}`));
  });

  it.each(groups)('`$typed` with a command that is none says so in one line', async ({ path, typed }) => {
    const { code, stdout, stderr } = await run([...path, 'bogus']);
    expect([code, stdout]).toEqual([64, '']);
    expect(stderr).toBe(`error: USAGE: unknown command 'bogus' — see npx ${typed} --help\n`);
  });
});
