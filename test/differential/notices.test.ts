import { describeWithClients } from '../support/clients.ts';
import { noticeDifferences } from './differences.ts';
import { alertmanagerSurprises, holdfastSurprises, noticesExplained } from './notices-compared.ts';
import { handMadeScenes, seededScene } from './plays.ts';
import type { Scene } from './scenes.ts';

/** `npm run differential` has more. */
const seeds = [3, 4, 7, 8];
const testMs = 300_000;

let scenes: Scene[] = [];
let explained: ReturnType<typeof noticesExplained>;
beforeAll(async () => {
  scenes = [...(await handMadeScenes()), ...(await Promise.all(seeds.map(seededScene)))];
  explained = noticesExplained(scenes);
}, testMs);

describeWithClients(['alertmanager'], 'Alertmanager', () => {
  it(
    'groups, inhibits and tells as the model without any difference says',
    async () => {
      expect((await alertmanagerSurprises(scenes)).slice(0, 3)).toEqual([]);
    },
    testMs,
  );
});

describe('Holdfast', () => {
  it('inhibits and tells as the model with all differences says', () => {
    expect(holdfastSurprises(scenes).slice(0, 3)).toEqual([]);
  });

  it.each(noticeDifferences.map(({ id }) => id))('differs from Alertmanager by %s', (id) => {
    expect(explained.get(id)?.moments).toBeGreaterThan(0);
  });
});
