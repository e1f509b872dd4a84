import { writeFile } from 'node:fs/promises';
import { asHoldfastError, errorLine } from '../../core/errors.ts';

export type Details = Record<string, string | number | boolean | string[]>;
export interface StepResult {
  name: string;
  ok: boolean;
  ms: number;
  details: Details;
}
export interface Report {
  steps: StepResult[];
  ok: boolean;
}

/** Runs the steps in order; the first that fails ends the story and the rest count as not held. */
export async function runSteps(
  steps: { name: string; run: () => Promise<Details> }[],
  print: (line: string) => void,
): Promise<Report> {
  const results: StepResult[] = [];
  let failed = false;
  for (const [i, step] of steps.entries()) {
    if (failed) {
      results.push({ name: step.name, ok: false, ms: 0, details: { error: 'not reached' } });
      continue;
    }
    const started = performance.now();
    print(`[${i + 1}/${steps.length}] ${step.name}`);
    let details: Details;
    try {
      details = await step.run();
    } catch (thrown) {
      failed = true;
      details = { error: errorLine(asHoldfastError(thrown)) };
    }
    const ms = Math.round(performance.now() - started);
    results.push({ name: step.name, ok: !failed, ms, details });
    for (const [key, value] of Object.entries(details))
      for (const [n, line] of [value].flat().entries())
        print(`      ${(n ? '' : key).padEnd(22)} ${String(line)}`);
    print(`      ${failed ? 'FAILED' : 'held'} after ${(ms / 1000).toFixed(1)} s`);
  }
  const held = results.filter((result) => result.ok).length;
  print(`${held} of ${results.length} steps held`);
  return { steps: results, ok: held === results.length };
}

export const writeReport = (file: string, report: Report): Promise<void> =>
  writeFile(file, `${JSON.stringify(report, null, 2)}\n`);
