import { expect, test } from '@jest/globals';
import { HoldfastError } from '../../core/errors.ts';
import { readConfig } from '../../lib/config.ts';

const read = readConfig;

test('every key has a default', () => {
  expect(read({})).toMatchObject({
    cells: ['cell-1', 'cell-2'],
    forwardingMode: 'registry',
    schedules: { sweeper: 'rate(1 minute)', bulkRunner: 'rate(1 minute)', statusProxy: 'rate(1 minute)' },
    heartbeatIntervalMs: 300_000,
    operatorAuth: 'iam',
  });
});

test('the reconnect window follows from the size of the fleet unless it is given', () => {
  expect(read({}).reconnectWindowMs).toBe(40_000);
  expect(read({ gatewayCountMax: '50000' }).reconnectWindowMs).toBe(200_000);
  expect(read({ gatewayCountMax: 50_000, reconnectWindowMs: '500' }).reconnectWindowMs).toBe(500);
});

test('leaves alone what the CDK keeps in its context', () => {
  expect(() =>
    read({ 'aws:cdk:x': 1, '@aws-cdk/core:y': true, 'availability-zones:account=1': [] }),
  ).not.toThrow();
});

test('takes values as the text that cdk -c gives', () => {
  const config = read({
    cells: 'north, south',
    heartbeatIntervalMs: '5000',
    schedules: '{"sweeper":"rate(2 minutes)"}',
    operatorAuth: '{"issuer":"https://id.example.com","audience":["holdfast"]}',
  });
  expect(config.cells).toEqual(['north', 'south']);
  expect(config.heartbeatIntervalMs).toBe(5_000);
  expect(config.schedules).toEqual({
    sweeper: 'rate(2 minutes)',
    bulkRunner: 'rate(1 minute)',
    statusProxy: 'rate(1 minute)',
    alertRetries: 'rate(1 minute)',
    designReport: 'rate(30 minutes)',
  });
  expect(config.operatorAuth).toEqual({ issuer: 'https://id.example.com', audience: ['holdfast'] });
});

test.each([
  [{ forwardingmode: 'hybrid' }, 'context forwardingmode: there is no such key'],
  [{ cells: [] }, 'context cells'],
  [{ cells: 'a,a' }, 'context cells: each cell once'],
  [{ cells: ['Bad_Name'] }, 'context cells.0: a cell id'],
  [{ cells: ['home'] }, 'context cells.0: "home"'],
  [{ forwardingMode: 'carrier-pigeon' }, 'context forwardingMode'],
  [{ schedules: { sweper: 'rate(1 minute)' } }, 'context schedules'],
  [{ schedules: { sweeper: 'rate(30 seconds)' } }, 'context schedules.sweeper'],
  [{ schedules: { sweeper: 'rate(1 hour)' } }, 'context schedules.sweeper'],
  [{ heartbeatIntervalMs: 'often' }, 'context heartbeatIntervalMs'],
  [{ heartbeatIntervalMs: 600_000 }, 'context heartbeatIntervalMs: API Gateway closes'],
  [{ operatorAuth: { issuer: 'http://id.example.com', audience: ['x'] } }, 'context operatorAuth'],
  [{ gatewayCountMax: 200_000 }, 'context gatewayCountMax: more need a higher quota'],
  [{ reservedConcurrency: { Hello: 0 } }, 'context reservedConcurrency.Hello'],
  [{ alarmEmail: 'nobody' }, 'context alarmEmail'],
  [{ region: 'here' }, 'context region'],
])('refuses %j and names the key', (context, message) => {
  expect(() => read(context)).toThrow(message);
  expect(() => read(context)).toThrow(HoldfastError);
});
