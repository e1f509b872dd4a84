import { constants } from 'node:fs';
import { open, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLog, type Log } from '../../core/log.ts';
import { parseExposition } from './exposition.ts';

/**
 * What the gateway's own data path measures, and nobody else can: it writes Prometheus text files into a folder, as for
 * node_exporter's textfile collector. Only these are taken.
 */
export const folderMetrics = [
  {
    exposed: 'gateway_upload_buffer_utilization',
    name: 'gateway.upload_buffer.utilization',
    help: 'Used part of the buffer of what waits for its upload, 0 to 1',
  },
  {
    exposed: 'gateway_cache_dirty_utilization',
    name: 'gateway.cache.dirty.utilization',
    help: 'Part of the cache that is not uploaded yet, 0 to 1',
  },
  {
    exposed: 'gateway_cache_hit_ratio',
    name: 'gateway.cache.hit_ratio',
    help: 'Reads that the cache served of all in the last minutes, 0 to 1',
  },
  {
    exposed: 'gateway_cache_utilization',
    name: 'gateway.cache.utilization',
    help: 'Used part of the cache, 0 to 1',
  },
] as const;

const byExposed: ReadonlyMap<string, string> = new Map(folderMetrics.map((m) => [m.exposed, m.name]));

/** Older ones are of somebody who writes no more, and say nothing about now. */
const freshMs = 5 * 60_000;
/** A clock may be a little off between two processes, on a network file system. */
const futureMs = 60_000;
const filesMax = 32;
const entriesMax = 1_000;
const fileBytesMax = 64 * 1024;

/** Reads what is known and fresh; of two files with one metric the newer counts. Never rejects. */
export type ReadMetricsFolder = () => Promise<Record<string, number>>;

/** `now`: Unix ms, as files' times are. What cannot be read is logged once, until it can be. */
export function createMetricsFolder(deps: { path: string; now: () => number; log?: Log }): ReadMetricsFolder {
  const { path, now, log = silentLog } = deps;
  let troubles = new Set<string>();
  return async () => {
    const seen = new Set<string>();
    const trouble = (file: string, reason: string): void => {
      const key = `${file}: ${reason}`;
      seen.add(key);
      if (!troubles.has(key)) log('warn', 'metrics-dir.not-read', { file, reason });
    };
    const names = await textFiles(path).catch((cause: unknown) => {
      trouble(path, String(cause));
      return [];
    });
    const read: { at: number; values: Record<string, number> }[] = [];
    for (const name of names) {
      try {
        const file = await readBounded(join(path, name));
        const age = now() - file.at;
        if (age > freshMs || age < -futureMs) trouble(name, 'it was not written in the last five minutes');
        else read.push({ at: file.at, values: knownOf(file.text, (reason) => trouble(name, reason)) });
      } catch (cause) {
        trouble(name, String(cause));
      }
    }
    troubles = seen;
    read.sort((a, b) => a.at - b.at);
    return Object.assign({}, ...read.map(({ values }) => values)) as Record<string, number>;
  };
}

/** Who writes a file under a temporary name first, and renames it, is never read half-way. */
async function textFiles(path: string): Promise<string[]> {
  const names: string[] = [];
  let entries = 0;
  for await (const { name } of await opendir(path)) {
    if (++entries > entriesMax) break;
    if (name.endsWith('.prom') && !name.startsWith('.')) names.push(name);
  }
  return names.sort().slice(0, filesMax);
}

async function readBounded(path: string): Promise<{ at: number; text: string }> {
  // Neither a pipe, which would not be there before somebody writes, nor a link to a file that is not for others.
  const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = constants;
  await using file = await open(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
  const info = await file.stat();
  if (!info.isFile()) throw new Error('it is not a file');
  const bytes = Buffer.alloc(fileBytesMax + 1);
  const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
  if (bytesRead > fileBytesMax) throw new Error(`it has more than ${fileBytesMax} bytes`);
  return { at: info.mtimeMs, text: bytes.toString('utf8', 0, bytesRead) };
}

function knownOf(text: string, trouble: (reason: string) => void): Record<string, number> {
  const values: Record<string, number> = {};
  const { samples, problem } = parseExposition(text);
  if (problem) trouble(problem);
  for (const { name, value } of samples) {
    const known = byExposed.get(name);
    if (known === undefined) continue;
    if (value < 0 || value > 1 || Number.isNaN(value)) trouble(`${name} is ${value} and not between 0 and 1`);
    // Of one metric with several labels (a cache for each disk, say) the greatest, but the least hit ratio.
    else values[known] = values[known] === undefined ? value : worse(known, values[known], value);
  }
  return values;
}

const worse = (name: string, a: number, b: number): number =>
  name === 'gateway.cache.hit_ratio' ? Math.min(a, b) : Math.max(a, b);
