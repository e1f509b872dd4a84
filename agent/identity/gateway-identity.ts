import { isLoopback } from '../../core/loopback.ts';
import { z } from 'zod';
import { asHoldfastError, HoldfastError } from '../../core/errors.ts';
import { readVersionedFile, writeVersionedFile, type FileFormat } from '../state/versioned-file.ts';

const id = z.string().min(1).max(64);

/** Answer of the server to `activate`: who the agent is and where it dials. */
export const activateResponseSchema = z.object({
  gatewayId: id,
  tenantId: id,
  name: z.string().max(80).optional(),
  /** The customer has to confirm the gateway before it gets commands. */
  pending: z.boolean().optional(),
  cells: z
    .array(z.object({ cellId: id, webSocketUrl: z.string().max(512) }))
    .min(1)
    .max(64),
});

const identityFile = {
  format: 'holdfast-agent-identity',
  /** 2: the generation of the key stands beside the key, so that one write changes both. */
  version: 2,
  schema: activateResponseSchema.extend({
    serverUrl: z.string().max(512),
    /** The cell to dial first; without it the first of `cells`. */
    preferredCellId: id.optional(),
    activatedAt: z.number().int().nonnegative(),
  }),
} satisfies FileFormat<z.ZodObject>;

export type GatewayIdentity = z.infer<typeof identityFile.schema>;
export type Cell = GatewayIdentity['cells'][number];

export const identityFileName = 'identity.json';

/** Throws CORRUPT with the file's name, also where an address in it is none. */
export async function loadIdentity(path: string): Promise<GatewayIdentity | undefined> {
  const identity = await readVersionedFile(path, identityFile);
  try {
    if (identity) cellsInOrder(identity.cells, identity.preferredCellId);
  } catch (cause) {
    throw new HoldfastError('CORRUPT', `${path}: ${asHoldfastError(cause).message}`, {
      hint: 'restore the file, or activate this host anew in another --state-dir',
      cause,
    });
  }
  return identity;
}
export const saveIdentity = (path: string, identity: GatewayIdentity): Promise<void> =>
  writeVersionedFile(path, identityFile, identity);

/** The cells in the order in which to try them: the preferred one first. Throws NOT_FOUND, CONFIG. */
export function cellsInOrder(cells: readonly Cell[], preferredCellId: string | undefined): Cell[] {
  for (const cell of cells) requireSafeUrl(cell.webSocketUrl, ['wss:', 'ws:'], `cell ${cell.cellId}`);
  if (preferredCellId === undefined) return [...cells];
  const preferred = cells.find((cell) => cell.cellId === preferredCellId);
  if (!preferred)
    throw new HoldfastError('NOT_FOUND', `there is no cell "${preferredCellId}"`, {
      hint: `the cells are ${cells.map((cell) => cell.cellId).join(', ')}`,
    });
  return [preferred, ...cells.filter((cell) => cell !== preferred)];
}

/** A URL whose first scheme is encrypted; the second, plain one is taken for this machine alone. */
export function requireSafeUrl(text: string, [secure, plain]: [string, string], what: string): URL {
  const url = URL.parse(text);
  if (!url || (url.protocol !== secure && url.protocol !== plain))
    throw new HoldfastError('CONFIG', `${what}: "${text.slice(0, 200)}" is not a ${secure}// URL`, {
      hint: `write it like ${secure}//holdfast.example.com`,
    });
  if (url.username || url.password)
    throw new HoldfastError('CONFIG', `${what}: the URL holds a user name or password`, {
      hint: 'leave them out: the agent proves itself with its key',
    });
  if (url.protocol === plain && !isLoopback(url.hostname))
    throw new HoldfastError('CONFIG', `${what}: ${url.origin} is not encrypted`, {
      hint: `use ${secure}//; ${plain}// is for 127.0.0.1, ::1 and localhost`,
    });
  return url;
}
