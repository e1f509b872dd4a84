import { EventBridgeClient, type PutEventsCommandInput } from '@aws-sdk/client-eventbridge';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { alertEventSchema, type AlertEvent } from '../../core/alert-event.ts';

/** An EventBridge on loopback that takes every entry. */
export interface FakeBus {
  client: EventBridgeClient;
  /** What it took of one gateway, in the order of arrival. */
  eventsOf(gatewayId: string): AlertEvent[];
  close(): Promise<void>;
}

export async function startFakeBus(): Promise<FakeBus> {
  const taken: AlertEvent[] = [];
  const server = createServer(async (request, response) => {
    const { Entries = [] } = JSON.parse(await text(request)) as PutEventsCommandInput;
    taken.push(...Entries.map(({ Detail = '' }) => alertEventSchema.parse(JSON.parse(Detail))));
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    response.end(JSON.stringify({ FailedEntryCount: 0, Entries: Entries.map(() => ({ EventId: 'e' })) }));
  });
  // As in test/support/dynamo.ts: what is not taken would wait for another tick.
  server.keepAliveTimeout = 0;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = new EventBridgeClient({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  });
  return {
    client,
    eventsOf: (gatewayId) => taken.filter((event) => event.gatewayId === gatewayId),
    close: async () => {
      client.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
