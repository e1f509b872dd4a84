import { setImmediate } from 'node:timers/promises';
import { HoldfastError } from '../../core/errors.ts';
import type { CallOptions } from '../s3/bucket.ts';
import type { ChunkReader, LentChunk, StoredChunk } from './chunk-reader.ts';
import type { ReadChunk } from '../../core/snapshot/source.ts';
import { asCorrupt } from './damage.ts';
import { inOrder } from './in-order.ts';

/** One request of the background: long enough to fill the line, short enough to hold several in memory. */
const runBytesMax = 1024 * 1024;
/** What compresses well is many times as long when it is unpacked. */
const runPlainBytesMax = 4 * 1024 * 1024;
/** Holes cost nothing, not even a wait; signals and progress need their turn all the same. */
const chunksPerTurn = 256;
/** Holes are free, but a run of them must still be yielded now and then. */
const runChunksMax = 256;
const runsInFlightMax = 4;

/** `damage`: of the manifest's page, which does not say where its one chunk is. */
type Run = { start: number; end: number; stored: StoredChunk[]; damage?: HoldfastError };

/** The chunks of [start, end) in order; stored neighbours share a request, and some requests are ahead. */
export async function* readInOrder(
  start: number,
  end: number,
  storedChunk: (index: number) => Promise<StoredChunk | undefined>,
  reader: ChunkReader,
  call: CallOptions,
): AsyncGenerator<ReadChunk> {
  const runs = findRuns(start, end, storedChunk);
  const fetched = inOrder(runs, runsInFlightMax, async (run) => {
    const bytes = run.stored.length > 0 ? await reader.readRun(run.stored, call) : [];
    return { run, bytes: new Map(run.stored.map((chunk, position) => [chunk.index, bytes[position]!])) };
  });
  for await (const { run, bytes } of fetched)
    for (let index = run.start; index < run.end; index += 1)
      yield run.damage ? { index, damage: run.damage } : await readChunk(index, bytes.get(index));
}

async function readChunk(index: number, chunk: Promise<LentChunk> | undefined): Promise<ReadChunk> {
  try {
    return { index, bytes: undefined, ...(await chunk) };
  } catch (thrown) {
    return { index, damage: asCorrupt(thrown) };
  }
}

async function* findRuns(
  start: number,
  end: number,
  storedChunk: (index: number) => Promise<StoredChunk | undefined>,
): AsyncGenerator<Run> {
  let run: Run = { start, end: start, stored: [] };
  for (let index = start; index < end; index += 1) {
    if ((index - start) % chunksPerTurn === chunksPerTurn - 1) await setImmediate();
    const chunk = await storedChunk(index).catch(asCorrupt);
    if (chunk instanceof HoldfastError) {
      if (run.end > run.start) yield run;
      yield { start: index, end: index + 1, stored: [], damage: chunk };
      run = { start: index + 1, end: index + 1, stored: [] };
      continue;
    }
    if (run.end - run.start >= runChunksMax || (chunk && !continues(run, chunk))) {
      yield run;
      run = { start: index, end: index, stored: [] };
    }
    run.end = index + 1;
    if (chunk) run.stored.push(chunk);
  }
  if (run.end > run.start) yield run;
}

/** True where the chunk's stored bytes follow the run's, in the same pack. */
function continues(run: Run, chunk: StoredChunk): boolean {
  const first = run.stored[0]?.location;
  const last = run.stored.at(-1)?.location;
  if (first === undefined || last === undefined) return true;
  const plainBytes = run.stored.reduce((sum, stored) => sum + stored.plainBytes, chunk.plainBytes);
  if (plainBytes > runPlainBytesMax) return false;
  const { location } = chunk;
  const follows = last.pack === location.pack && last.offsetBytes + last.storedBytes === location.offsetBytes;
  return follows && location.offsetBytes + location.storedBytes - first.offsetBytes <= runBytesMax;
}
