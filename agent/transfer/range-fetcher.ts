import type { Agent } from 'node:http';
import { generalFetcher, type FetchRange } from './general-fetcher.ts';
import { rangeClient } from './range-client.ts';

/** Straight out over connections of our own; a proxy is left to the agent that knows the way through it. */
export function rangeFetcher(proxy?: Agent): FetchRange {
  const general = generalFetcher(proxy);
  return proxy ? general : rangeClient(general);
}
