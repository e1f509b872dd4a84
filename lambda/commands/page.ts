/**
 * One page of commands, newest first, of up to one more than fit. The cursor is the last one's time, so commands of
 * one millisecond stay on one page (unless they fill it alone).
 */
export function pageOf<T extends { createdAt: number }>(
  found: readonly T[],
  countMax: number,
): { commands: T[]; next?: string } {
  const beyond = found[countMax];
  if (!beyond) return { commands: [...found] };
  const cut = found.findLastIndex(({ createdAt }) => createdAt > beyond.createdAt) + 1;
  const commands = found.slice(0, cut === 0 ? countMax : cut);
  return { commands, next: String(commands.at(-1)!.createdAt) };
}
