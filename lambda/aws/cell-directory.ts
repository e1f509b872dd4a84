import { paginateGetParametersByPath, SSMClient } from '@aws-sdk/client-ssm';
import { z } from 'zod';
import type { CellEntry } from '../../core/env.ts';
import { HoldfastError } from '../../core/errors.ts';
import { clientOptions, once } from './client-options.ts';

const entrySchema = z.object({
  cellId: z.string().min(1).max(64),
  webSocketUrl: z.url({ protocol: /^wss?$/ }),
  apiUrl: z.url({ protocol: /^https?$/ }),
  deliverFunctionName: z.string().min(1).max(64),
});

/** Which cells there are: the only source of their addresses. */
export interface CellDirectory {
  /** In order of their ids. UNAVAILABLE when no cell has published itself. */
  list(): Promise<CellEntry[]>;
}

const client = once(() => new SSMClient(clientOptions));
const freshForMs = 60_000;

/** The directory that cells publish in SSM below `path`; an answer is used again for a minute. */
export function ssmCellDirectory(path: string, now: () => number = Date.now): CellDirectory {
  let cached: { at: number; cells: CellEntry[] } | undefined;
  return {
    async list() {
      if (cached && now() - cached.at < freshForMs) return cached.cells;
      const cells: CellEntry[] = [];
      for await (const page of paginateGetParametersByPath({ client: client() }, { Path: path }))
        for (const { Name, Value } of page.Parameters ?? []) cells.push(parseEntry(Name, Value));
      if (cells.length === 0)
        throw new HoldfastError('UNAVAILABLE', `no cell has published itself under ${path}`, {
          hint: 'deploy the cell stacks',
        });
      cells.sort((a, b) => (a.cellId < b.cellId ? -1 : 1));
      cached = { at: now(), cells };
      return cells;
    },
  };
}

function parseEntry(name = '', value = ''): CellEntry {
  try {
    return entrySchema.parse(JSON.parse(value));
  } catch (cause) {
    throw new HoldfastError('CONFIG', `the cell directory’s parameter ${name} is not a cell’s entry`, {
      cause,
    });
  }
}
