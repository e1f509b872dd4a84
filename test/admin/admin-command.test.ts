import { Command } from 'commander';
import { addAdminCommands } from '../../admin/admin-command.ts';
import { startSqs, type TestSqs } from '../support/sqs.ts';
import { ControlPlane } from './admin-world.ts';

let sqs: TestSqs;
beforeAll(async () => {
  sqs = await startSqs();
});
afterAll(() => sqs.close());

async function holdfast(...argv: string[]): Promise<string[]> {
  const lines: string[] = [];
  const program = new Command('holdfast').exitOverride();
  // The commands close the client that they are given; the test's own stays open.
  const client = Object.assign(Object.create(sqs.client) as typeof sqs.client, { destroy: () => undefined });
  addAdminCommands(program.command('admin'), {
    connect: () => ({ api: new ControlPlane().api, sqs: client, sqsEndpoint: sqs.endpoint }),
    stdout: (line) => lines.push(line),
    now: Date.now,
    stopSignal: () => AbortSignal.abort(),
    setExitCode: () => undefined,
  });
  await program.parseAsync(['admin', ...argv], { from: 'user' });
  return lines;
}

test('subscribe makes the queue once and names the subscription after it', async () => {
  for (let time = 0; time < 2; time++) {
    const [line = ''] = await holdfast('subscribe', '--queue-name', 'holdfast-alerts-main', '--json');
    const answer = JSON.parse(line) as { subscriptionId: string; queueUrl: string };
    expect(answer.subscriptionId).toBe('main');
    expect(new URL(answer.queueUrl).origin).toBe(sqs.endpoint);
    expect(await sqs.count(answer.queueUrl)).toBe(0);
  }
});

test.each(['main', 'holdfast-alerts-', 'holdfast-alerts-A b', 'x'.repeat(200)])(
  'subscribe refuses the queue name %s',
  async (name) => {
    await expect(holdfast('subscribe', '--queue-name', name)).rejects.toMatchObject({
      code: 'INVALID_INPUT',
    });
  },
);

test('run refuses what is no form of log and a playbook that is not there', async () => {
  const run = ['run', '--queue', 'http://127.0.0.1/q', '--playbook'];
  await expect(holdfast(...run, '/none.json')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(holdfast(...run, '/dev/zero')).rejects.toMatchObject({ code: 'CONFIG' });
  await expect(holdfast(...run, 'x', '--log', 'loud')).rejects.toMatchObject({ code: 'USAGE' });
});
