/** What the iteration yields, at most `countMax`. Without it: for what one tenant, gateway or shard bounds. */
export async function collect<T>(items: AsyncIterable<T>, countMax = Infinity): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) {
    found.push(item);
    if (found.length >= countMax) break;
  }
  return found;
}
