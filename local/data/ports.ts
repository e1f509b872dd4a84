import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { z } from 'zod';
import { HoldfastError } from '../../core/errors.ts';
import type { Stack } from '../template/assembly.ts';
import { writeAtomically } from './directory.ts';

/** Ports of one stack: one for its services, one for each API by logical id. */
export interface StackPorts {
  readonly services: number;
  readonly apis: Readonly<Record<string, number>>;
}

const fileSchema = z.record(
  z.string(),
  z.strictObject({ services: z.number(), apis: z.record(z.string(), z.number()) }),
);

/** A whole number from `min` on, below `max`. */
type Random = (min: number, max: number) => number;

/** Each stack has ten ports from the base on: APIs first, its services on the last. */
const portsPerStack = 10;

/**
 * The ports of every stack. With a base they follow from it; without, free ones are taken once and kept, so that
 * gateways find the same addresses after a restart.
 */
export async function assignPorts(
  dataDir: string,
  stacks: readonly Stack[],
  portBase: number | undefined,
  random: Random = randomInt,
): Promise<Map<string, StackPorts>> {
  const file = join(dataDir, 'ports.json');
  const kept = portBase === undefined ? readKept(file) : {};
  const ports = new Map<string, StackPorts>();
  const taken = new Set(
    Object.values(kept).flatMap(({ services, apis }) => [services, ...Object.values(apis)]),
  );
  for (const [index, stack] of stacks.entries()) {
    const apiIds = Object.entries(stack.template.Resources)
      .filter(([, { Type }]) => Type === 'AWS::ApiGatewayV2::Api')
      .map(([logicalId]) => logicalId);
    if (apiIds.length >= portsPerStack)
      throw new HoldfastError('CONFIG', `${stack.name} has more than ${portsPerStack - 1} APIs`);
    const first = portBase === undefined ? undefined : portBase + index * portsPerStack;
    const port = async (keptPort: number | undefined, offset: number): Promise<number> => {
      const chosen = first === undefined ? (keptPort ?? (await freePort(random, taken))) : first + offset;
      taken.add(chosen);
      return chosen;
    };
    const apis: Record<string, number> = {};
    for (const [offset, logicalId] of apiIds.entries())
      apis[logicalId] = await port(kept[stack.name]?.apis[logicalId], offset);
    const services = await port(kept[stack.name]?.services, portsPerStack - 1);
    ports.set(stack.name, { services, apis });
  }
  if (Math.max(...[...ports.values()].map(({ services }) => services)) > 65_535)
    throw new HoldfastError('USAGE', `port ${portBase} leaves no room for ${stacks.length} stacks`, {
      hint: 'choose a lower --port',
    });
  writeAtomically(file, `${JSON.stringify(Object.fromEntries(ports), null, 2)}\n`);
  return ports;
}

/**
 * Looks, before anything is made, whether the ports that every stack has are free: its first API's and its services'.
 * Throws BUSY with the port.
 */
export async function requireFreePorts(portBase: number, stackCount: number): Promise<void> {
  for (let first = portBase; first < portBase + stackCount * portsPerStack; first += portsPerStack)
    for (const port of [first, first + portsPerStack - 1]) if (!(await isFree(port))) throw portInUse(port);
}

export const portInUse = (port: number, cause?: unknown): HoldfastError =>
  new HoldfastError('BUSY', `port ${port} is in use`, {
    hint: 'stop what uses it, or choose another --port',
    cause,
  });

/** Beyond the last port there is another error, with a better hint. */
function isFree(port: number): Promise<boolean> {
  if (port > 65_535) return Promise.resolve(true);
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'EADDRINUSE'));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function readKept(file: string): z.infer<typeof fileSchema> {
  try {
    return fileSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return {};
  }
}

/**
 * Below the ports that systems give to outgoing connections (Linux: from 32768 on, IANA: from 49152 on): there, one
 * of them would take a port between this look and the moment its process listens, or after a restart.
 */
const [lowestPort, highestPort] = [10_240, 32_767];
const attempts = 100;

async function freePort(random: Random, taken: ReadonlySet<number>): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const port = random(lowestPort, highestPort + 1);
    if (!taken.has(port) && (await isFree(port))) return port;
  }
  throw new HoldfastError('BUSY', `no free port between ${lowestPort} and ${highestPort}`, {
    hint: 'stop what uses them, or choose a --port',
  });
}
