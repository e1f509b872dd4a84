import { noticesOf } from './alertmanager-scenes.ts';
import { noticeDifferences } from './differences.ts';
import { explainedBy, surprisesIn, type Explained, type Surprise } from './explained.ts';
import { predicted } from './notice-model.ts';
import type { Notices, Scene } from './scenes.ts';

const ids = noticeDifferences.map(({ id }) => id);
const [none, all] = [new Set<(typeof ids)[number]>(), new Set(ids)];

const textOf = ({ inhibitedBy, messages }: Notices): string =>
  JSON.stringify({ inhibitedBy: Object.entries(inhibitedBy).sort(), messages });

/** Where Alertmanager does not do what the model without any difference says. */
export async function alertmanagerSurprises(scenes: readonly Scene[]): Promise<Surprise[]> {
  const found = await noticesOf(scenes);
  return scenes.flatMap(({ name, looks }, i) =>
    surprisesIn(name, found[i]!.map(textOf), predicted(looks, none).map(textOf)),
  );
}

/** Where Holdfast does not do what the model with all differences says. */
export const holdfastSurprises = (scenes: readonly Scene[]): Surprise[] =>
  scenes.flatMap(({ name, looks }) =>
    surprisesIn(
      name,
      looks.map(({ holdfast }) => textOf(holdfast)),
      predicted(looks, all).map(textOf),
    ),
  );

export const noticesExplained = (scenes: readonly Scene[]): Map<string, Explained> =>
  explainedBy(
    ids,
    scenes.map(({ name, looks }) => ({
      name,
      model: (differences) => predicted(looks, differences).map(textOf),
    })),
  );
