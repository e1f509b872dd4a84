import { describeWithClients } from '../support/clients.ts';
import { ruleDifferences } from './differences.ts';
import { handMade, type Corpus } from './recordings.ts';
import { asPrometheus, holdfastSurprises, prometheusObjects, rulesExplained } from './rules-compared.ts';
import { seededCorpus } from './seeded-recordings.ts';

/** `npm run differential` has more seeds. */
const corpora = [...handMade, seededCorpus(1, 100)];
const titles = ['what is awkward', 'what takes days', 'seeded recordings'];
const titled = corpora.map((corpus, i) => [titles[i], corpus] as const);

describeWithClients(['promtool'], 'Prometheus’ alerting rules', () => {
  it.each(titled)('make of %s what the model without any difference says', async (_, corpus) => {
    expect(await prometheusObjects(corpus)).toBe('');
  });

  it('would be found to differ in a single tick', async () => {
    const [corpus] = handMade as [Corpus];
    const expected = asPrometheus(corpus);
    const last = expected[1]!.findLastIndex(({ state }) => state === 'firing');
    expected[1]!.splice(last, 1, { state: 'inactive', episode: 1 });
    expect(await prometheusObjects(corpus, expected)).toMatch(/got:[^\n]*recording="1"/);
  });
});

describe('Holdfast’s alerts', () => {
  it.each(titled)('make of %s what the model with all differences says', (_, corpus) => {
    expect(holdfastSurprises(corpus).slice(0, 10)).toEqual([]);
  });

  const explained = rulesExplained(corpora);
  it.each(ruleDifferences.map(({ id }) => id))('differ from Prometheus’ by %s', (id) => {
    expect(explained.get(id)?.moments).toBeGreaterThan(0);
  });
});
