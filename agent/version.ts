import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** The agent's version: the package's. */
export const agentVersion: string = z
  .object({ version: z.string().max(32) })
  .parse(JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))).version;
