import { EventBridgeClient, type PutEventsCommandInput } from '@aws-sdk/client-eventbridge';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { AlertEvent } from '../../../core/alert-event.ts';
import { silentLog } from '../../../core/log.ts';
import type { AlertItem, GatewayItem, StatusItem } from '../../../core/model.ts';
import { Table } from '../../../lambda/aws/table.ts';
import { dynamoAlertStore } from '../../../lambda/alerts/alert-store.ts';
import { batches, eventBridgeSink } from '../../../lambda/alerts/event-sink.ts';
import { dynamoFleet } from '../../../lambda/alerts/fleet-source.ts';
import { runTick } from '../../../lambda/alerts/tick.ts';
import { startDynamo, type TestDynamo } from '../../support/dynamo.ts';
import { conditionLimits, gatewayItem, statusItem, t0, volume } from '../../support/fleet.ts';
import { firing } from '../../admin/admin-world.ts';

/** An EventBridge of our own that says of each entry what it is told to. */
let server: Server;
let client: EventBridgeClient;
let dynamo: TestDynamo;
let calls: PutEventsCommandInput[] = [];
let answer: (entry: number, call: number) => 'taken' | 'refused' | 'down' = () => 'taken';
beforeAll(async () => {
  server = createServer(async (request, response) => {
    const input = JSON.parse(await text(request)) as PutEventsCommandInput;
    calls.push(input);
    const outcomes = (input.Entries ?? []).map((_, i) => answer(i, calls.length - 1));
    response.statusCode = outcomes.includes('down') ? 500 : 200;
    const Entries = outcomes.map((one) =>
      one === 'taken' ? { EventId: 'e' } : { ErrorCode: 'ThrottlingException' },
    );
    const body = { FailedEntryCount: outcomes.filter((one) => one !== 'taken').length, Entries };
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    response.end(JSON.stringify(response.statusCode === 200 ? body : { __type: 'InternalException' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  client = new EventBridgeClient({
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'us-east-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  });
  dynamo = await startDynamo();
});
beforeEach(() => {
  calls = [];
  answer = () => 'taken';
});
afterAll(async () => {
  client.destroy();
  await new Promise((resolve) => server.close(resolve));
  await dynamo.close();
});

const event = (i: number, over: Partial<AlertEvent> = {}): AlertEvent => ({
  ...firing().event,
  eventId: `e${i}`,
  ...over,
});

test('a call has at most ten entries and less than 64 KB', () => {
  const many = Array.from({ length: 25 }, (_, i) => event(i));
  expect([...batches(many)].map((batch) => batch.length)).toEqual([10, 10, 5]);
  const long = Array.from({ length: 10 }, (_, i) => event(i, { summary: 'ü'.repeat(5_000) }));
  for (const batch of batches(long)) expect(Buffer.byteLength(JSON.stringify(batch))).toBeLessThan(64_000);
  expect([...batches(long)].flat()).toEqual(long);
});

test('only what the bus took counts as taken', async () => {
  answer = (entry, call) => (call === 1 ? 'down' : entry === 3 ? 'refused' : 'taken');
  const events = Array.from({ length: 25 }, (_, i) => event(i));
  const taken = await eventBridgeSink(client, 'alerts', silentLog).put(events);
  const expected = events.map(({ eventId }) => eventId).filter((_, i) => (i < 10 || i >= 20) && i % 10 !== 3);
  expect([...taken]).toEqual(expected);
  expect(calls[0]?.Entries?.[0]).toMatchObject({
    Source: 'holdfast',
    DetailType: 'Holdfast Alert Firing',
    EventBusName: 'alerts',
  });
});

test('the proxy over real tables: fires, repeats what was refused, resolves', async () => {
  const names = await dynamo.createTables();
  const gateways = new Table<GatewayItem, 'gatewayId'>(names.GATEWAYS_TABLE, ['gatewayId'], dynamo.client);
  const status = new Table<StatusItem, 'gatewayId'>(names.STATUS_TABLE, ['gatewayId'], dynamo.client);
  const alerts = new Table<AlertItem, 'alertKey'>(names.ALERTS_TABLE, ['alertKey'], dynamo.client);
  let now = t0;
  const deps = {
    alerts: dynamoAlertStore(alerts),
    fleet: dynamoFleet({ gateways, status }),
    events: eventBridgeSink(client, 'alerts', silentLog),
    limits: conditionLimits,
    now: () => now,
    log: silentLog,
  };
  const report = (state: 'failed' | 'healthy') =>
    status.put(statusItem({ receivedAt: now }, { volumes: [volume({ state })] }));
  await gateways.put(gatewayItem());
  await report('failed');
  answer = () => 'refused';
  expect(await runTick(deps)).toMatchObject({ gateways: 1, written: 1, emitted: 0 });
  answer = () => 'taken';
  expect(await runTick(deps)).toMatchObject({ written: 0, emitted: 1, open: 1 });
  now += 60_000;
  await report('healthy');
  expect(await runTick(deps)).toMatchObject({ written: 1, emitted: 1 });
  expect(await runTick(deps)).toMatchObject({ written: 0, emitted: 0, open: 0 });
  const details = calls.flatMap(({ Entries = [] }) =>
    Entries.map(({ Detail = '' }) => JSON.parse(Detail) as AlertEvent),
  );
  expect(details.map(({ eventId, type }) => [eventId.slice(32), type])).toEqual([
    ['#1#1', 'firing'],
    ['#1#1', 'firing'],
    ['#1#2', 'resolved'],
  ]);
});
