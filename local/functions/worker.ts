import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import type { FunctionFailure, Invocation, WorkerReply, WorkerSetup } from './messages.ts';

/** One execution environment of one function: loads its bundle once, then answers events, several at the same time. */
type Handler = (event: unknown, context: object) => unknown;

const setup = workerData as WorkerSetup;
const port = parentPort;
if (!port) throw new Error('worker.ts runs in a worker thread');

const handler = await loadHandler();
port.on('message', (invocation: Invocation) => void answer(invocation));
reply({ kind: 'ready' });

async function loadHandler(): Promise<Handler> {
  const bundle = (await import(pathToFileURL(setup.handlerFile).href)) as Record<string, unknown>;
  const commonJs = bundle.default as Record<string, unknown> | undefined;
  const found = bundle[setup.exportName] ?? commonJs?.[setup.exportName];
  if (typeof found !== 'function')
    throw new Error(`${setup.handlerFile} has no function ${setup.exportName}`);
  return found as Handler;
}

async function answer({ jobId, requestId, event, deadlineMs }: Invocation): Promise<void> {
  try {
    const result = await handler(JSON.parse(event), contextOf(requestId, deadlineMs));
    reply({ kind: 'result', jobId, payload: JSON.stringify(result) ?? 'null' });
  } catch (thrown) {
    reply({ kind: 'error', jobId, error: failureOf(thrown) });
  }
}

function contextOf(requestId: string, deadlineMs: number): object {
  return {
    awsRequestId: requestId,
    functionName: setup.functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: setup.functionArn,
    memoryLimitInMB: String(setup.memoryMb),
    logGroupName: setup.logGroupName,
    logStreamName: 'local',
    callbackWaitsForEmptyEventLoop: true,
    getRemainingTimeInMillis: () => Math.max(0, deadlineMs - Date.now()),
  };
}

function failureOf(thrown: unknown): FunctionFailure {
  if (!(thrown instanceof Error)) return { errorType: typeof thrown, errorMessage: String(thrown) };
  return {
    errorType: thrown.name,
    errorMessage: thrown.message,
    trace: thrown.stack?.split('\n').slice(0, 20),
  };
}

function reply(message: WorkerReply): void {
  port?.postMessage(message);
}
