import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { conditionLimits } from '../support/fleet.ts';
import { runClient, type ClientResult } from '../support/clients.ts';
import { rowOf, type Corpus, type Recording, type Report } from './recordings.ts';
import type { Moment } from './rule-model.ts';

/**
 * Has Prometheus itself evaluate the rules over the recordings, in its own virtual time, and compare in each tick which
 * alerts are pending and firing, and since when. Exit 0: exactly those of `expected`, else promtool prints the others.
 */
export async function askPromtool(
  corpus: Corpus,
  expected: readonly (readonly Moment[])[],
): Promise<ClientResult> {
  const { tickMs, recordings } = corpus;
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-promtool-'));
  try {
    const rules = { groups: [{ name: 'recordings', rules: recordings.map(ruleOf) }] };
    const tests = {
      rule_files: ['rules.yml'],
      evaluation_interval: `${tickMs}ms`,
      tests: [
        {
          interval: `${tickMs}ms`,
          input_series: recordings.map((recording, i) => ({
            series: `reading{recording="${i}"}`,
            values: recording.reports.map(sampleOf).join(' '),
          })),
          promql_expr_test: recordings[0]!.reports.flatMap((_, tick) => expectedAt(tick, corpus, expected)),
        },
      ],
    };
    // JSON is YAML.
    await writeFile(join(folder, 'rules.yml'), JSON.stringify(rules));
    await writeFile(join(folder, 'tests.yml'), JSON.stringify(tests));
    return await runClient('promtool', ['test', 'rules', 'tests.yml'], { cwd: folder, timeoutMs: 300_000 });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The condition as whoever has Prometheus would write it. */
function ruleOf(recording: Recording, i: number) {
  const { worse, raiseAt, forMs, clearForMs } = rowOf(recording);
  return {
    alert: recording.conditionId,
    expr: `reading{recording="${i}"} ${worse === 'below' ? '<=' : '>='} ${raiseAt}`,
    for: `${forMs(conditionLimits)}ms`,
    keep_firing_for: `${clearForMs}ms`,
  };
}

function sampleOf(report: Report): string {
  if (report === 'silent') return '_';
  return typeof report === 'string' ? 'stale' : String(report).replace('Infinity', 'Inf');
}

/** Of each moment, what is up and since when, by both series that Prometheus keeps of its alerts. */
function expectedAt(tick: number, { tickMs, recordings }: Corpus, expected: readonly (readonly Moment[])[]) {
  const up = expected.flatMap((moments, i) => {
    const { state, activeAt } = moments[tick]!;
    const labels = `alertname="${recordings[i]!.conditionId}",recording="${i}"`;
    return activeAt === undefined ? [] : [{ state, activeAt, labels }];
  });
  const at = `${tick * tickMs}ms`;
  const states = up.map(({ state, labels }) => ({
    labels: `ALERTS{alertstate="${state}",${labels}}`,
    value: 1,
  }));
  const since = up.map(({ activeAt, labels }) => {
    return { labels: `ALERTS_FOR_STATE{${labels}}`, value: activeAt / 1_000 };
  });
  return [
    { expr: 'ALERTS', eval_time: at, exp_samples: states },
    { expr: 'ALERTS_FOR_STATE', eval_time: at, exp_samples: since },
  ];
}
