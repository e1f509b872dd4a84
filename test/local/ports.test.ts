import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { assignPorts } from '../../local/data/ports.ts';
import type { Stack } from '../../local/template/assembly.ts';
import { temporaryDirectory } from './fixture.ts';

let directory: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  directory = temporaryDirectory();
});
let occupier: Server | undefined;
afterEach(() => {
  occupier?.close();
  occupier = undefined;
  directory.remove();
});

async function occupy(): Promise<number> {
  occupier = createServer().listen(0, '127.0.0.1');
  await once(occupier, 'listening');
  return (occupier.address() as AddressInfo).port;
}

const stacks = ['home', 'cell'].map((name): Stack => {
  const template = { Resources: { Api: { Type: 'AWS::ApiGatewayV2::Api', Properties: {} } } };
  return { name, template } as unknown as Stack;
});

/** The ports of an assignment in the order in which they are taken. */
async function assign(portBase?: number, random?: (min: number, max: number) => number): Promise<number[]> {
  const ports = await assignPorts(directory.path, stacks, portBase, random);
  return [...ports.values()].flatMap(({ apis, services }) => [...Object.values(apis), services]);
}

it('takes ports that no outgoing connection is given, and keeps them', async () => {
  const ports = await assign();
  expect(new Set(ports).size).toBe(4);
  for (const port of ports) {
    expect(port).toBeGreaterThan(1024);
    expect(port).toBeLessThan(32_768);
  }
  await expect(assign()).resolves.toEqual(ports);
});

it('passes by what somebody listens on and what it has taken already', async () => {
  const occupied = await occupy();
  const free = await assign();
  directory.remove();
  directory = temporaryDirectory();
  const [first, second, third, fourth] = free as [number, number, number, number];
  const order = [occupied, first, first, second, occupied, third, first, fourth];
  await expect(assign(undefined, () => order.shift() ?? 0)).resolves.toEqual(free);
  expect(order).toEqual([]);
});

it('gives up with a hint where nothing is free', async () => {
  const port = await occupy();
  await expect(assign(undefined, () => port)).rejects.toMatchObject({
    code: 'BUSY',
    hint: expect.stringContaining('--port'),
  });
});

it('counts from a base when there is one', async () => {
  await expect(assign(4700)).resolves.toEqual([4700, 4709, 4710, 4719]);
});
