/**
 * Applies `work` to every item with at most `inFlightMax` at a time and yields the results in the items' order.
 * The first failure is thrown in its place; work that is still in flight then has settled.
 */
export async function* inOrder<Item, Result>(
  items: Iterable<Item> | AsyncIterable<Item>,
  inFlightMax: number,
  work: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const inFlight: Promise<Result>[] = [];
  try {
    for await (const item of items) {
      const result = work(item);
      result.catch(() => undefined);
      inFlight.push(result);
      if (inFlight.length >= inFlightMax) yield await inFlight.shift()!;
    }
    while (inFlight.length > 0) yield await inFlight.shift()!;
  } finally {
    await Promise.allSettled(inFlight);
  }
}
