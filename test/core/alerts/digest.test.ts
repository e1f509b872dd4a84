import { alertEventSchema, digestEventsMax, type AlertEvent } from '../../../core/alert-event.ts';
import { alertKeyOf, eventIdOf } from '../../../core/alerts/alert-key.ts';
import { outgoing, singleEventsMax } from '../../../core/alerts/digest.ts';
import { t0 } from '../../support/fleet.ts';

const event = (i: number, over: Partial<AlertEvent> = {}): AlertEvent => {
  const of = { tenantId: 'acme', gatewayId: `gw-${i}`, conditionId: 'Offline', component: '', ...over };
  const alertKey = alertKeyOf(of);
  return {
    eventId: eventIdOf(alertKey, 1, 1),
    type: 'firing',
    alertKey,
    episode: 1,
    seq: 1,
    severity: 'critical',
    summary: 'the gateway cannot be reached',
    at: t0 + i,
    ...of,
  };
};
const many = (count: number, over: Partial<AlertEvent> = {}) =>
  Array.from({ length: count }, (_, i) => event(i, over));

test('up to fifty events of a tenant go out one by one, and other tenants’ do not count', () => {
  const events = [...many(singleEventsMax), ...many(singleEventsMax, { tenantId: 'other' })];
  const sent = outgoing(events);
  expect(sent.map((one) => one.event)).toEqual(events);
  expect(sent.map(({ eventIds }) => eventIds)).toEqual(events.map(({ eventId }) => [eventId]));
  expect(outgoing(many(singleEventsMax + 1))).toHaveLength(1);
});

test('of more, one digest tells of all, the worst first', () => {
  const events = [
    ...many(3, { conditionId: 'AgentOutdated', severity: 'info' }),
    ...many(40, { type: 'resolved' }),
    ...many(20, { conditionId: 'GatewayCloned' }),
  ];
  const [sent, ...more] = outgoing(events);
  expect(more).toEqual([]);
  expect(alertEventSchema.parse(sent!.event)).toEqual(sent!.event);
  expect(sent!.eventIds.toSorted()).toEqual(events.map(({ eventId }) => eventId).toSorted());
  expect(sent!.event).toMatchObject({
    type: 'digest',
    tenantId: 'acme',
    severity: 'critical',
    summary: 'alerts of 40 gateways: 23 firing, 40 resolved (20 GatewayCloned, 40 Offline, 3 AgentOutdated)',
    digest: {
      gatewayCount: 40,
      counts: [
        { type: 'firing', conditionId: 'GatewayCloned', severity: 'critical', count: 20 },
        { type: 'resolved', conditionId: 'Offline', severity: 'critical', count: 40 },
        { type: 'firing', conditionId: 'AgentOutdated', severity: 'info', count: 3 },
      ],
    },
  });
  expect(sent!.event.digest!.first).toHaveLength(10);
  expect(sent!.event.digest!.first[0]).toMatchObject({ conditionId: 'GatewayCloned' });
  expect(sent!.event.digest!.firing).toHaveLength(23);
});

test('the same events have the same digest in whatever order, other events another', () => {
  const events = many(60);
  const [one] = outgoing(events);
  expect(outgoing(events.toReversed())).toEqual([one]);
  expect(outgoing(events.slice(1))[0]!.event.eventId).not.toBe(one!.event.eventId);
});

test('a digest stays below what the bus takes, also of the longest ids', () => {
  const long = (i: number) => ({
    summary: 'ü'.repeat(500),
    component: 'c'.repeat(128),
    gatewayId: `${i}`.padEnd(64),
  });
  const sent = outgoing(Array.from({ length: 2 * digestEventsMax + 1 }, (_, i) => event(i, long(i))));
  expect(sent.map(({ eventIds }) => eventIds.length)).toEqual([digestEventsMax, digestEventsMax, 1]);
  for (const one of sent) expect(Buffer.byteLength(JSON.stringify(one.event))).toBeLessThan(200_000);
});
