/**
 * The environment without those variables of Holdfast’s that are empty: to shells and to the AWS SDK such a one is not
 * set, and taken for a value it would be a directory that is the current one, or a tenant without a name.
 */
export function givenEnv<Env extends Record<string, string | undefined>>(env: Env): Env {
  const isGiven = ([name, value]: [string, string | undefined]): boolean =>
    !name.startsWith('HOLDFAST_') || value !== '';
  return Object.fromEntries(Object.entries(env).filter(isGiven)) as Env;
}
