import { afterAll, beforeEach, expect, it, jest } from '@jest/globals';
import { HoldfastError } from '../../../core/errors.ts';
import {
  webSocketHandler,
  type WebSocketEvent,
  type WebSocketRequest,
} from '../../../lambda/aws/websocket-handler.ts';

let served: WebSocketRequest[] = [];
let act: () => void = () => undefined;
const handler = webSocketHandler({
  env: ['CELL_ID'],
  deps: ({ CELL_ID }) => CELL_ID,
  handle: (_cellId, request) => {
    served.push(request);
    act();
    return Promise.resolve();
  },
});

const lines: string[] = [];
const stdout = jest.spyOn(process.stdout, 'write').mockImplementation((line) => lines.push(String(line)) > 0);
beforeEach(() => {
  process.env['CELL_ID'] = 'cell-1';
  served = [];
  act = () => undefined;
  lines.length = 0;
});
afterAll(() => {
  stdout.mockRestore();
  delete process.env['CELL_ID'];
});

const context = { awsRequestId: 'r-1', functionName: 'f', getRemainingTimeInMillis: () => 1_000 };
const verified = { gatewayId: 'gw-1', tenantId: 'acme', epoch: '12', keyGeneration: '1' };
const event = (authorizer: unknown): WebSocketEvent => ({
  requestContext: {
    routeKey: 'hello',
    eventType: 'MESSAGE',
    connectionId: 'c-1',
    connectedAt: 5,
    authorizer,
  },
  body: '{"secret":"of the tenant"}',
});

it('says that a variable is missing by its name, and recovers when it is there', async () => {
  delete process.env['CELL_ID'];
  await expect(handler(event(verified), context)).rejects.toThrow('environment variable CELL_ID is not set');
  process.env['CELL_ID'] = 'cell-1';
  await expect(handler(event(verified), context)).resolves.toEqual({ statusCode: 200 });
});

it('hands over what was verified at $connect, as numbers where they are numbers', async () => {
  await handler(event(verified), context);
  expect(served).toMatchObject([
    {
      routeKey: 'hello',
      connectionId: 'c-1',
      connection: { gatewayId: 'gw-1', tenantId: 'acme', epoch: 12, keyGeneration: 1 },
    },
  ]);
});

it.each([undefined, {}, { ...verified, epoch: 'x' }, { ...verified, gatewayId: '' }])(
  'fails the run when the authorizer’s context is %j: the API is not set up as it must be',
  async (authorizer) => {
    await expect(handler(event(authorizer), context)).rejects.toMatchObject({ code: 'CONFIG' });
    expect(served).toEqual([]);
  },
);

it('does not run a route of API Gateway’s own because a message names it', async () => {
  const { requestContext, body } = event(verified);
  const named = { ...requestContext, routeKey: '$disconnect' };
  await handler({ requestContext: named, body }, context);
  expect(served).toEqual([]);
  expect(lines.join('')).toContain('a message asked for the route $disconnect');
  await handler({ requestContext: { ...named, eventType: 'DISCONNECT' } }, context);
  expect(served).toMatchObject([{ routeKey: '$disconnect' }]);
});

it('swallows an error that blames the sender, and logs it', async () => {
  act = () => {
    throw new HoldfastError('CONFLICT', 'an older epoch');
  };
  await expect(handler(event(verified), context)).resolves.toEqual({ statusCode: 200 });
  expect(lines.join('')).toContain('"errorCode":"CONFLICT"');
});

it('fails the run for any other error, so that an alarm counts it', async () => {
  act = () => {
    throw new HoldfastError('UNAVAILABLE', 'the table does not answer');
  };
  await expect(handler(event(verified), context)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  act = () => {
    throw new TypeError('a mistake');
  };
  await expect(handler(event(verified), context)).rejects.toThrow('a mistake');
});

it('writes ids and durations and never the message', async () => {
  await handler(event(verified), context);
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({
    event: 'websocket.message',
    route: 'hello',
    gatewayId: 'gw-1',
    connectionId: 'c-1',
    epoch: 12,
    durationMs: expect.any(Number),
  });
  expect(lines.join('')).not.toContain('of the tenant');
});
