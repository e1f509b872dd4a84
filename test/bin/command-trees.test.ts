import { commandLines, pathsOf } from './command-trees.ts';

describe.each(commandLines)('$name', ({ program, run }) => {
  const paths = pathsOf(program());

  it.each(paths)('$path: --help has examples', async ({ path }) => {
    const { code, stdout } = await run([...path, '--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Examples?:\n/m);
  });

  it.each(paths.filter(({ isGroup }) => isGroup))(
    '$path: without a subcommand, the help of this group and one line of error',
    async ({ path }) => {
      const { code, stdout, stderr } = await run(path);
      expect([code, stdout]).toEqual([64, '']);
      expect(stderr).toMatch(new RegExp(`^Usage: holdfast(-agent)? ?${path.join(' ')} .*options`));
      expect(stderr.trimEnd().split('\n').at(-1)).toMatch(/^error: USAGE: /);
    },
  );
});
