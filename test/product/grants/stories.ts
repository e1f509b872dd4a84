import type { Stage, Understudy } from './stage.ts';

/**
 * What needs a grant: sets the stage and lets the function that lacks it come on. What it gives back is done afterwards,
 * once the refusal has been seen.
 */
export type Story = (stage: Stage, understudy: Understudy) => Promise<unknown>;
/** Construct of a role → its grants, as `grantName` writes them → what needs each. */
export type Stories = Record<string, Record<string, Story>>;

/** The story needs each of these. */
export const each = (grants: readonly string[], story: Story): Record<string, Story> =>
  Object.fromEntries(grants.map((grant) => [grant, story]));
