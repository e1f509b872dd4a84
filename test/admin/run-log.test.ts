import { logFor } from '../../admin/run-log.ts';

const reason = 'restore.start did not solve it: FAILED (IO: no space is left on the device), then FAILED';
const fields = { alertKey: '3f9a17c2aa01b4d63f9a17c2aa01b4d6', conditionId: 'UploadBufferFillsSoon', reason };
const logged = (isTerminal: boolean, of: object = fields): string => {
  const out: string[] = [];
  const log = logFor('pretty', {
    stdout: (line) => out.push(line),
    now: () => 0,
    columns: () => 80,
    isTerminal,
  });
  log('error', 'admin.escalated', { ...of });
  return out.join('\n');
};
const head = '1970-01-01T00:00:00.000Z error admin.escalated';

test('an event that does not fit a terminal stands above its fields, and nothing of them is cut', () => {
  const text = logged(true);
  const [first, ...rest] = text.split('\n');
  expect(first).toBe(head);
  expect(rest.every((line) => line.startsWith('  ') && line.length <= 80)).toBe(true);
  expect(text.replaceAll(/\s+/g, ' ')).toBe(logged(false));
});

test('one that fits stands on one line, and each one does where no terminal is', () => {
  expect(logged(true, { gatewayId: 'gw-1' })).toBe(`${head} gatewayId=gw-1`);
  expect(logged(false).split('\n')).toHaveLength(1);
});
