import { expect, jest, test } from '@jest/globals';
import type { LogRecord } from '../../local/log.ts';
import { logBatch } from '../../local/log-batch.ts';

const line = (event: string, level: LogRecord['level'] = 'info'): LogRecord => ({
  ts: '2026-11-26T03:38:33.666Z',
  source: 'home',
  level,
  event,
});

function batch(isVerbose = false) {
  const sent: string[][] = [];
  const made = logBatch((records) => sent.push(records.map(({ event }) => event)), isVerbose);
  return { ...made, sent };
}

test('lines go on together, in their order', () => {
  jest.useFakeTimers();
  const { log, sent } = batch();
  for (const event of ['a', 'b', 'c']) log(line(event));
  expect(sent).toEqual([]);
  jest.advanceTimersByTime(20);
  log(line('d'));
  jest.advanceTimersByTime(20);
  jest.useRealTimers();
  expect(sent).toEqual([['a', 'b', 'c'], ['d']]);
});

test('an error takes along what waits, and does not wait itself', () => {
  const { log, sent } = batch();
  log(line('before'));
  log(line('failed', 'error'));
  expect(sent).toEqual([['before', 'failed']]);
});

test('what waits when the process stops is handed on, once', () => {
  const { log, flush, sent } = batch();
  log(line('last'));
  flush();
  flush();
  expect(sent).toEqual([['last']]);
});

test('a flood does not pile up', () => {
  const { log, flush, sent } = batch();
  for (let i = 0; i < 450; i++) log(line(String(i)));
  expect(sent.map((records) => records.length)).toEqual([200, 200]);
  flush();
  expect(sent.flat()).toHaveLength(450);
});

test('nobody is sent what nobody reads', () => {
  const quiet = batch();
  quiet.log(line('function.done', 'debug'));
  quiet.flush();
  const verbose = batch(true);
  verbose.log(line('function.done', 'debug'));
  verbose.flush();
  expect([quiet.sent, verbose.sent]).toEqual([[], [['function.done']]]);
});
