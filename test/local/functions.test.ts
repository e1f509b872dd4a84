import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bootFixture, temporaryDirectory, type FixtureCloud } from './fixture.ts';

describe('functions on one machine', () => {
  const directory = temporaryDirectory();
  let cloud: FixtureCloud;
  beforeAll(async () => {
    // Schedules and Lambda's waits between attempts 600 times as fast: a minute is 100 ms.
    cloud = await bootFixture(directory.path, { scheduleScale: 600 });
  });
  afterAll(async () => {
    await cloud.stop();
    directory.remove();
  });

  it('find exactly the template’s environment and the runtime’s own', async () => {
    const env = await cloud.environmentOf('probe');
    expect(env['TABLE']).toBe(cloud.urls['alpha']?.['TableName']);
    expect(env['EMPTY']).toBe('');
    expect(env['AWS_LAMBDA_FUNCTION_NAME']).toBe('probe');
    expect(
      Object.keys(env).filter((name) => !/^(AWS_|TABLE$|EMPTY$|TZ$|LANG$|LAMBDA_TASK_ROOT$)/.test(name)),
    ).toEqual([]);
    expect(Object.values(env)).not.toContain('undefined');
  });

  it('answer what they return, with a request id of their own', async () => {
    const { payload } = await cloud.invoke('narrow', { a: [1, 'ü'] });
    expect(payload).toEqual({
      event: { a: [1, 'ü'] },
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) as unknown,
    });
  });

  it('report what they throw, and a process that exits or crashes', async () => {
    const failed = await cloud.invoke('narrow', { do: 'fail' });
    expect(failed.functionError).toBe('Unhandled');
    expect(failed.payload).toMatchObject({ errorType: 'RangeError', errorMessage: 'asked to fail' });
    expect(await cloud.invoke('narrow', { do: 'exit' })).toMatchObject({
      payload: { errorType: 'Runtime.ExitError' },
    });
    const crashed = await cloud.invoke('narrow', { do: 'crash' });
    expect(crashed.payload).toMatchObject({ errorMessage: 'thrown outside of the handler' });
  });

  it('are killed at their time-out, and start anew for the next event', async () => {
    const { payload } = await cloud.invoke('narrow', { do: 'sleep', ms: 60_000 });
    expect(payload).toMatchObject({
      errorType: 'Sandbox.Timedout',
      errorMessage: expect.stringMatching(/after 1.00 seconds/) as unknown,
    });
    const again = await cloud.invoke('narrow', { do: 'sleep', ms: 1 });
    expect(again.payload).toMatchObject({ invocations: 1 });
  });

  it('end those that share a worker with one that runs into its time-out, and take no new one there', async () => {
    const stuck = cloud.invoke('brief', { do: 'sleep', ms: 60_000 });
    await cloud.invoke('brief', { do: 'sleep', ms: 600 });
    const beside = cloud.invoke('brief', { do: 'sleep', ms: 700 });
    expect((await stuck).payload).toMatchObject({ errorType: 'Sandbox.Timedout' });
    const next = await cloud.invoke('brief', { do: 'sleep', ms: 1 });
    expect(next.payload).toMatchObject({ invocations: 1 });
    expect((await beside).payload).toMatchObject({ invocations: 3 });
  });

  it('take several events at the same time in a worker that is used again', async () => {
    const first = (await cloud.invoke('far', { do: 'sleep', ms: 1 })).payload as { invocations: number };
    const second = (await cloud.invoke('far', { do: 'sleep', ms: 1 })).payload as { invocations: number };
    expect([first.invocations, second.invocations]).toEqual([1, 2]);
    const both = await Promise.all([1, 2].map(() => cloud.invoke('far', { do: 'sleep', ms: 300 })));
    // Each had begun before either was done: they ran side by side, in the thread of the two before.
    expect(both.map(({ payload }) => (payload as { invocations: number }).invocations)).toEqual([4, 4]);
  });

  it('are throttled above their reserved concurrency', async () => {
    const long = cloud.invoke('narrow', { do: 'sleep', ms: 500 });
    const outcomes = await Promise.allSettled([long, cloud.invoke('narrow', { do: 'sleep', ms: 500 })]);
    const refused = outcomes.find((outcome) => outcome.status === 'rejected');
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect((refused as PromiseRejectedResult).reason).toMatchObject({ name: 'TooManyRequestsException' });
  });

  it('get an asynchronous event again after a failure, and lose it to the dead-letter queue in the end', async () => {
    const lambda = new LambdaClient(cloud.asRoot);
    const Payload = JSON.stringify({ do: 'fail', mark: 'async' });
    const accepted = await lambda.send(
      new InvokeCommand({ FunctionName: 'probe', InvocationType: 'Event', Payload }),
    );
    expect(accepted.StatusCode).toBe(202);
    const dead = await new SQSClient(cloud.asRoot).send(
      new ReceiveMessageCommand({ QueueUrl: cloud.urls['alpha']?.['DeadLettersUrl'], WaitTimeSeconds: 10 }),
    );
    expect(dead.Messages?.map(({ Body }) => Body)).toEqual([Payload]);
    const attempts = cloud.logs.filter(
      ({ event, message }) => event === 'function.failed' && message === 'asked to fail',
    );
    expect(attempts.filter(({ source }) => source === 'alpha/probe')).toHaveLength(2);
  });

  it('are invoked only by those whose role allows it', async () => {
    const far = new LambdaClient(await cloud.actAs('far'));
    await far.send(new InvokeCommand({ FunctionName: 'probe', Payload: '{}' }));
    await expect(
      far.send(new InvokeCommand({ FunctionName: 'narrow', Payload: '{}' })),
    ).rejects.toMatchObject({
      name: 'AccessDeniedException',
    });
  });

  it('write to one log stream that names them in every line', async () => {
    await cloud.invoke('probe', { do: 'print', text: 'marked' });
    const line = await cloud.logged(({ text }) => text === 'marked');
    expect(line).toMatchObject({ source: 'alpha/probe', event: 'probe.printed' });
  });

  it('are called by the clock', async () => {
    await cloud.logged(({ event, text }) => event === 'probe.printed' && text === 'tick');
  });

  it('are not called by the clock while they still do what it called them for', async () => {
    const { schedule } = await cloud.logged(
      ({ event, schedule }) => event === 'schedule.skipped' && String(schedule).includes('rule/slow-clock '),
    );
    expect(schedule).toMatch(/function:probe$/);
  });

  it('ask for tables where most of theirs are, and for everything else in their own stack', async () => {
    const far = await cloud.environmentOf('far');
    expect(far['TABLE']).toBe(cloud.urls['alpha']?.['TableName']);
    expect(far['AWS_ENDPOINT_URL_DYNAMODB']).toBe(cloud.endpoints['alpha']);
    expect(far['AWS_ENDPOINT_URL_S3']).toBe(cloud.endpoints['beta']);
    const near = await cloud.environmentOf('probe');
    expect(near['AWS_ENDPOINT_URL_DYNAMODB']).toBe(cloud.endpoints['alpha']);
    const withoutTables = await cloud.environmentOf('brief');
    expect(withoutTables['AWS_ENDPOINT_URL_DYNAMODB']).toBe(cloud.endpoints['alpha']);
  });
});
