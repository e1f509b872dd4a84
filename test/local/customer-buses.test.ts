import { DatabaseSync } from 'node:sqlite';
import { expect, test } from '@jest/globals';
import { CustomerBuses } from '../../local/events/customer-buses.ts';

test('a customer’s bus leads what a rule matches to its queues, also after a restart', async () => {
  const database = new DatabaseSync(':memory:');
  const delivered: string[] = [];
  const open = () =>
    new CustomerBuses(database, (queueArn, body) => {
      delivered.push(`${queueArn} ${(JSON.parse(body) as { id: string }).id}`);
      return Promise.resolve();
    });
  const first = open();
  first.create('b');
  first.putRule('b', 'critical', '{"detail":{"severity":["critical"]}}');
  first.putRule('b', 'all', '{"source":["holdfast"]}');
  first.putTarget('b', 'critical', '1', 'pager');
  first.putTarget('b', 'all', '1', 'log');
  first.putTarget('b', 'all', '1', 'archive');
  const buses = open();
  expect([buses.has('b'), buses.has('c'), buses.hasRule('b', 'all'), buses.hasRule('c', 'all')]).toEqual([
    true,
    false,
    true,
    false,
  ]);
  await buses.publish('b', { id: 'e1', source: 'holdfast', detail: { severity: 'info' } });
  await buses.publish('b', { id: 'e2', source: 'holdfast', detail: { severity: 'critical' } });
  await buses.publish('c', { id: 'e3', source: 'holdfast', detail: { severity: 'critical' } });
  expect(delivered).toEqual(['archive e1', 'archive e2', 'pager e2']);
});
