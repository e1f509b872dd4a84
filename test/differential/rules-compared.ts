import { ruleDifferences } from './differences.ts';
import { explainedBy, surprisesIn, type Explained, type Surprise } from './explained.ts';
import { evaluated } from './holdfast-rules.ts';
import { askPromtool } from './prometheus-rules.ts';
import type { Corpus } from './recordings.ts';
import { modelled, textOf, type Moment } from './rule-model.ts';

const ids = ruleDifferences.map(({ id }) => id);
const [none, all] = [new Set<(typeof ids)[number]>(), new Set(ids)];

export const asPrometheus = ({ tickMs, recordings }: Corpus): Moment[][] =>
  recordings.map((recording) => modelled(recording, tickMs, none));

/** What promtool says where Prometheus does not do what the model without any difference says; '' where it does. */
export async function prometheusObjects(corpus: Corpus, expected = asPrometheus(corpus)): Promise<string> {
  const { code, stdout, stderr } = await askPromtool(corpus, expected);
  return code === 0 ? '' : `promtool exited with ${code}\n${stdout}${stderr}`;
}

/** Where Holdfast does not do what the model with all differences says. */
export const holdfastSurprises = ({ tickMs, recordings }: Corpus): Surprise[] =>
  recordings.flatMap((recording) =>
    surprisesIn(
      recording.name,
      evaluated(recording, tickMs).map(textOf),
      modelled(recording, tickMs, all).map(textOf),
    ),
  );

export const rulesExplained = (corpora: readonly Corpus[]): Map<string, Explained> =>
  explainedBy(
    ids,
    corpora.flatMap(({ tickMs, recordings }) =>
      recordings.map((recording) => ({
        name: recording.name,
        model: (differences) => modelled(recording, tickMs, differences).map(textOf),
      })),
    ),
  );
