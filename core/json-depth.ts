/**
 * Whether arrays and objects nest in each other for more than `levels`. A store keeps 32 levels, and a schema that
 * recurses ends where the stack does: what comes from outside is measured first.
 */
export const isDeeperThan = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((inner) => isDeeperThan(inner, levels - 1)));
