import type { ArrayStatus } from '../../core/status.ts';
import type { Host } from './host.ts';

/** All that is there, well or not. */
export type ArrayFacts = Required<ArrayStatus>;

const arraysMax = 64;
const missingMax = 1024;

/**
 * /proc/mdstat (https://docs.kernel.org/admin-guide/md.html). A member that is being rebuilt counts as missing until
 * it is done; a check of one that is whole does not. Containers of a RAID controller's metadata are no arrays: they are listed as inactive for ever.
 */
export function parseMdstat(text: string): ArrayFacts[] {
  return text
    .split(/^(?=\S+ : )/m)
    .slice(0, arraysMax)
    .flatMap((entry): ArrayFacts[] => {
      const [, name, state, rest] = /^(md[\w-]{1,28}) : (active|inactive|broken)\b([^\n]*)/.exec(entry) ?? [];
      if (!name || /super external:(imsm|ddf)\s*$/m.test(entry)) return [];
      const [, wanted, working] = /\[(\d+)\/(\d+)\] \[[U_]+\]/.exec(entry) ?? [];
      const faulty = rest!.match(/\(F\)/g)?.length ?? 0;
      const lacked = wanted === undefined ? faulty : Math.max(0, Number(wanted) - Number(working));
      const missing = Math.min(lacked, missingMax);
      if (state !== 'active') return [{ name, state: 'failed', missing }];
      if (missing === 0) return [{ name, state: 'ok', missing }];
      return [{ name, state: /\brecovery\b/.test(entry) ? 'rebuilding' : 'degraded', missing }];
    });
}

/** ONLINE and DEGRADED; the others (FAULTED, OFFLINE, REMOVED, SUSPENDED, UNAVAIL) serve nothing. */
function poolState(text: string): ArrayFacts['state'] {
  const state = text.trim();
  if (state === 'ONLINE') return 'ok';
  return state === 'DEGRADED' ? 'degraded' : 'failed';
}

/** Linux software RAID, and the pools of ZFS. */
export async function readArrays(host: Host): Promise<ArrayFacts[]> {
  const [mdstat, pools] = await Promise.all([
    host.readText('/proc/mdstat').catch(() => ''),
    host.list('/proc/spl/kstat/zfs').catch((): string[] => []),
  ]);
  const md = parseMdstat(mdstat).map(async (array) => {
    // Without redundancy nothing is listed as missing, and a lost member shows here alone.
    const state = await host.readText(`/sys/block/${array.name}/md/array_state`).catch(() => '');
    return state.trim() === 'broken' ? { ...array, state: 'failed' as const } : array;
  });
  const zfs = pools.slice(0, arraysMax).map(async (name) => {
    const text = await host.readText(`/proc/spl/kstat/zfs/${name}/state`).catch(() => undefined);
    return text === undefined ? undefined : { name: name.slice(0, 32), state: poolState(text), missing: 0 };
  });
  const found = await Promise.all([...md, ...zfs]);
  return found.filter((array) => array !== undefined).slice(0, arraysMax);
}
