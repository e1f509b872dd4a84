/**
 * Ends a run with what was skipped and why, and one plain line of counts. With HOLDFAST_FAIL_ON_SKIP=1 a skipped test
 * fails the run: on the gate nothing may be left out in silence.
 */
export default class SummaryReporter {
  #error;

  onRunComplete(_contexts, results) {
    const skipped = results.testResults.flatMap((file) =>
      file.testResults.filter((test) => ['pending', 'skipped', 'todo', 'disabled'].includes(test.status)),
    );
    const suites = new Set(skipped.map((test) => test.ancestorTitles[0] ?? test.title));
    for (const suite of suites) process.stdout.write(`skipped suite: ${suite}\n`);
    if (skipped.length > 0 && process.env.HOLDFAST_FAIL_ON_SKIP === '1')
      this.#error = new Error(`${skipped.length} tests were skipped, and HOLDFAST_FAIL_ON_SKIP=1 forbids it`);
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    process.stdout.write(
      `tests: ${results.numPassedTests} passed, ${failed} failed, ${skipped.length} skipped\n`,
    );
  }

  getLastError() {
    return this.#error;
  }
}
