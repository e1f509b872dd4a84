/** Throws what no reader of untrusted bytes may throw: a bound is broken. */
export function mustHold(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}
