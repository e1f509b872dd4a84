import { HoldfastError } from '../../core/errors.ts';
import { packed, unpacked } from './packed.ts';
import type { patternsTable } from './tables.ts';

/** Where a value stands that is too large for one item. */
export interface Parts {
  partsId: string;
  parts: number;
}
export interface PartStore<Value> {
  put(value: Value): Promise<Parts>;
  /** Undefined where a part has run out. Throws CORRUPT where what is there was not put so. */
  get(parts: Parts): Promise<Value | undefined>;
}

interface PartOptions {
  now: () => number;
  random: (bytes: number) => Buffer;
  ttlSec: number;
  /** Of the JSON of a value that is read. @default - what no honest value reaches */
  bytesMax?: number;
}

/** An item has 400 KB at most. */
const partBytes = 350_000;
/** All parts are read at once: a count that is no count must not ask for millions. A value has some tens at most. */
const partsMax = 200;

/**
 * Packed values in items `PREFIX/ID/N` of the Patterns table, each under a name of its own, and never changed: whoever
 * crashes or comes second leaves those whole that somebody's one conditional write has named.
 */
export function packedParts<Value>(
  table: ReturnType<typeof patternsTable>,
  prefix: 'history' | 'fleet-part',
  { now, random, ttlSec, bytesMax }: PartOptions,
): PartStore<Value> {
  const key = (partsId: string, part: number) => ({ itemKey: `${prefix}/${partsId}/${part}` }) as const;
  return {
    put: async (value) => {
      const bytes = packed(value);
      const partsId = random(8).toString('hex');
      const expiresAtSec = Math.floor(now() / 1000) + ttlSec;
      const parts = Math.ceil(bytes.length / partBytes);
      for (let part = 0; part < parts; part++) {
        const of = bytes.subarray(part * partBytes, (part + 1) * partBytes);
        await table.put({ ...key(partsId, part), bytes: of, expiresAtSec });
      }
      return { partsId, parts };
    },
    get: async ({ partsId, parts }) => {
      if (!(Number.isSafeInteger(parts) && parts >= 1 && parts <= partsMax))
        throw new HoldfastError('CORRUPT', `what names the parts says that there are ${String(parts)}`);
      const keys = Array.from({ length: parts }, (_, part) => key(partsId, part));
      const items = await Promise.all(keys.map((one) => table.get(one)));
      const bytes = items.flatMap((item) => (item && 'bytes' in item ? item.bytes : []));
      return bytes.length < parts ? undefined : unpacked<Value>(bytes, bytesMax);
    },
  };
}
