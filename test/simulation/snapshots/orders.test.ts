import { mutants, mutated } from './mutants.ts';
import { scenarios, searchScenario, titleOf } from './scenarios.ts';

describe('in every order of their requests nothing that is listed or pinned is lost', () => {
  const short = scenarios.filter(({ isLong }) => !isLong);
  test.each(short.map((scenario) => [titleOf(scenario), scenario] as const))('%s', async (_, scenario) => {
    const result = await searchScenario(scenario);
    expect(result).toMatchObject({ isComplete: true });
    expect(result.states).toBeGreaterThan(result.ends);
    expect(result.ends).toBeGreaterThan(0);
  });
});

describe('leaving out orders that make no difference leaves out no end', () => {
  const free = scenarios.filter(({ isLong, preemptionsMax }) => !isLong && preemptionsMax === undefined);
  test.each(free.map((scenario) => [titleOf(scenario), scenario] as const))('%s', async (_, scenario) => {
    const all = await searchScenario({ ...scenario, isUnreduced: true });
    const reduced = await searchScenario(scenario);
    expect(reduced.ends).toBe(all.ends);
    expect(reduced.states).toBeLessThan(all.states);
  });
});

describe('the search notices when a rule is broken', () => {
  test.each(mutants.map((mutant) => [mutant.rule, mutant] as const))('%s', async (_, mutant) => {
    const { of, beside, mutation, preemptionsMax } = mutant;
    const programs = [of, ...beside];
    const search = searchScenario(
      { programs, ...(preemptionsMax !== undefined && { preemptionsMax }) },
      (program, name) => (name === of ? mutated(program, mutation) : program),
    );
    await expect(search).rejects.toThrow(/is listed and lacks|is not there|failed: /);
  });
});
