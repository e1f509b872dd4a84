import { readFileSync } from 'node:fs';

/** What a process needs beside its connections. */
const spareCount = 500;

/** Each end of a connection is an open file. Throws before anything is started, and says what to do. */
export function requireOpenFiles(gatewayCount: number, limitMax = hardLimit()): void {
  const needed = gatewayCount + spareCount;
  if (needed <= limitMax) return;
  throw new Error(
    `${gatewayCount} gateways need ${needed} open files in one process, and the hard limit is ${limitMax}: ` +
      `raise it (as root: \`ulimit -Hn ${needed}\`, or LimitNOFILE= of the service) or ask for --gateways ${Math.max(0, limitMax - spareCount)}`,
  );
}

/** Node raises the soft limit to the hard one when it starts. */
function hardLimit(): number {
  const [, hard = ''] =
    /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  return hard === 'unlimited' ? Infinity : Number(hard);
}
