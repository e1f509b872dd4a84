import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { HoldfastError } from '../../core/errors.ts';
import { clientOptions, once } from './client-options.ts';

// Delivering waits for a gateway's socket at most: longer than other calls, and never sent twice by the client.
const client = once(
  () =>
    new LambdaClient({
      ...clientOptions,
      maxAttempts: 1,
      requestHandler: { ...clientOptions.requestHandler, requestTimeout: 8_000 },
    }),
);

/** Calls another function and waits for its answer. UNAVAILABLE when it cannot be reached or failed. */
export async function invokeFunction(functionName: string, payload: unknown): Promise<unknown> {
  const fail = (reason: string, cause?: unknown) =>
    new HoldfastError('UNAVAILABLE', `function ${functionName} did not answer: ${reason}`, { cause });
  const answer = await client()
    .send(new InvokeCommand({ FunctionName: functionName, Payload: Buffer.from(JSON.stringify(payload)) }))
    .catch((cause: unknown) => {
      throw fail(cause instanceof Error ? cause.name : 'unknown', cause);
    });
  const text = answer.Payload ? Buffer.from(answer.Payload).toString() : 'null';
  if (answer.FunctionError) throw fail(`${answer.FunctionError}: ${text.slice(0, 200)}`);
  return JSON.parse(text) as unknown;
}

/** Has another function run, and does not wait for it. UNAVAILABLE when that cannot be asked for. */
export async function startFunction(functionName: string, payload: unknown): Promise<void> {
  const Payload = Buffer.from(JSON.stringify(payload));
  await client()
    .send(new InvokeCommand({ FunctionName: functionName, InvocationType: 'Event', Payload }))
    .catch((cause: unknown) => {
      const reason = cause instanceof Error ? cause.name : 'unknown';
      throw new HoldfastError('UNAVAILABLE', `function ${functionName} cannot be started: ${reason}`, {
        cause,
      });
    });
}
