import { limits } from '../../core/limits.ts';

test('a message fits one API Gateway frame', () => {
  expect(limits.messageBytes).toBeLessThan(32 * 1024);
});
