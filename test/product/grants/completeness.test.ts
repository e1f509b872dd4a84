import { expect, it } from '@jest/globals';
import { cellStories } from './cell-stories.ts';
import { grantNamesByRole } from './grant-names.ts';
import { homeStories } from './home-stories.ts';
import { tickStories } from './tick-stories.ts';
import type { Stories } from './stories.ts';
import { isAboutLogs, unshown } from './unshown.ts';

it('each grant of each role is either what a story needs, or is listed with the reason why none does', async () => {
  const granted = [...(await grantNamesByRole())].flatMap(([of, names]) =>
    names.filter((name) => !isAboutLogs(name)).map((name) => `${of}: ${name}`),
  );
  const told = [namesOf('home', homeStories), namesOf('home', tickStories), namesOf('cell-1', cellStories)];
  const listed = [...told.flat(), ...Object.entries(unshown).flatMap(([of, rows]) => rowsOf(of, rows))];
  expect(granted.toSorted()).toEqual(listed.toSorted());
});

const namesOf = (stack: string, stories: Stories): string[] =>
  Object.entries(stories).flatMap(([of, rows]) => rowsOf(`${stack}/${of}`, rows));
const rowsOf = (of: string, rows: object): string[] => Object.keys(rows).map((name) => `${of}: ${name}`);
