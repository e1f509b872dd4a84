import type { SQSClient } from '@aws-sdk/client-sqs';
import { sqsQueue } from '../../admin/queue.ts';

const failingWith = (thrown: unknown): SQSClient =>
  ({ send: () => Promise.reject(thrown) }) as unknown as SQSClient;
const named = (name: string, message: string): Error => Object.assign(new Error(message), { name });

test.each([
  [new Error('connect ECONNREFUSED 127.0.0.1:1'), 'UNAVAILABLE', 'connect ECONNREFUSED 127.0.0.1:1'],
  [
    Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }),
    'UNAVAILABLE',
    'AggregateError: ECONNREFUSED',
  ],
  [named('TimeoutError', 'no answer in 5 s'), 'UNAVAILABLE', 'TimeoutError: no answer in 5 s'],
  [named('QueueDoesNotExist', 'x'), 'NOT_FOUND', 'there is no queue'],
  [named('AccessDenied', 'x'), 'FORBIDDEN', 'AccessDenied'],
])('a queue that fails says why, and what to do (%#)', async (thrown, code, reason) => {
  const receiving = sqsQueue(failingWith(thrown), 'http://sqs/q').receive(new AbortController().signal);
  await expect(receiving).rejects.toMatchObject({
    code,
    message: expect.stringContaining(reason),
    hint: expect.stringMatching(/\w/),
    cause: thrown,
  });
});
