/** Everything that the iteration yields. For what is bounded by one tenant, gateway or shard. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
