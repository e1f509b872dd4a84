import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { synthesize } from '../../local/synthesize.ts';
import { temporaryDirectory } from './fixture.ts';

it('takes away what a synthesis that was killed left, and leaves one that runs alone', async () => {
  const directory = temporaryDirectory();
  const running = `cdk.out.${process.ppid}.new`;
  // Above Linux's largest process id.
  for (const name of ['cdk.out.4194305.new', running, 'cdk.out.notes.new', 'other.4194305.new'])
    mkdirSync(join(directory.path, name));
  await synthesize(join(directory.path, 'cdk.out'), { cells: ['cell-1'] });
  expect(readdirSync(directory.path).toSorted()).toEqual(
    ['cdk.out', running, 'cdk.out.notes.new', 'other.4194305.new'].toSorted(),
  );
  directory.remove();
});
