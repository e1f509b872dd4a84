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
): Promise<Map<string, StackPorts>> {
  const file = join(dataDir, 'ports.json');
  const kept = portBase === undefined ? readKept(file) : {};
  const ports = new Map<string, StackPorts>();
  for (const [index, stack] of stacks.entries()) {
    const apiIds = Object.entries(stack.template.Resources)
      .filter(([, { Type }]) => Type === 'AWS::ApiGatewayV2::Api')
      .map(([logicalId]) => logicalId);
    if (apiIds.length >= portsPerStack)
      throw new HoldfastError('CONFIG', `${stack.name} has more than ${portsPerStack - 1} APIs`);
    const first = portBase === undefined ? undefined : portBase + index * portsPerStack;
    const apis: Record<string, number> = {};
    for (const [offset, logicalId] of apiIds.entries())
      apis[logicalId] =
        first === undefined ? (kept[stack.name]?.apis[logicalId] ?? (await freePort())) : first + offset;
    const services =
      first === undefined ? (kept[stack.name]?.services ?? (await freePort())) : first + portsPerStack - 1;
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

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
