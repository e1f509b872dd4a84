import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { HoldfastError } from '../core/errors.ts';
import { typed } from '../core/typed.ts';

export interface QueueMessage {
  receipt: string;
  body: string;
}
/** A queue that hides a message from others for a while and shows it again unless it is deleted. */
export interface AlertQueue {
  /** Waits for messages; at most ten. */
  receive(signal: AbortSignal): Promise<QueueMessage[]>;
  remove(receipt: string): Promise<void>;
  /** Keeps the message hidden for another `hiddenMs`. */
  extend(receipt: string): Promise<void>;
  hiddenMs: number;
}

export function sqsQueue(
  client: SQSClient,
  QueueUrl: string,
  { hiddenSec = 60, waitSec = 20 }: { hiddenSec?: number; waitSec?: number } = {},
): AlertQueue {
  return {
    hiddenMs: hiddenSec * 1_000,
    receive: async (signal) => {
      const command = new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: 10,
        WaitTimeSeconds: waitSec,
        VisibilityTimeout: hiddenSec,
      });
      const { Messages = [] } = await client
        .send(command, { abortSignal: signal })
        .catch((thrown: unknown) => {
          throw queueFailure(thrown, QueueUrl);
        });
      return Messages.map(({ ReceiptHandle = '', Body = '' }) => ({ receipt: ReceiptHandle, body: Body }));
    },
    remove: async (ReceiptHandle) => {
      await client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    },
    extend: async (ReceiptHandle) => {
      await client.send(
        new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: hiddenSec }),
      );
    },
  };
}

/** SQS says it by these names, in the JSON protocol and in the older one. */
export const isMissingQueue = (thrown: unknown): boolean =>
  thrown instanceof Error && /NonExistentQueue|QueueDoesNotExist/.test(thrown.name);

/** NOT_FOUND, FORBIDDEN, or UNAVAILABLE for what another try may change. */
function queueFailure(thrown: unknown, queueUrl: string): HoldfastError {
  const name = thrown instanceof Error ? thrown.name : 'unknown error';
  if (isMissingQueue(thrown))
    return new HoldfastError('NOT_FOUND', `there is no queue ${queueUrl}`, {
      hint: `\`${typed('holdfast admin subscribe')}\` makes one and prints its URL`,
      cause: thrown,
    });
  if (
    /AccessDenied|InvalidClientTokenId|SignatureDoesNotMatch|UnrecognizedClient|CredentialsProvider/.test(
      name,
    )
  )
    return new HoldfastError('FORBIDDEN', `the queue ${queueUrl} does not let this process in: ${name}`, {
      hint: 'check the AWS credentials; they need sqs:ReceiveMessage, DeleteMessage and ChangeMessageVisibility',
      cause: thrown,
    });
  return new HoldfastError('UNAVAILABLE', `the queue ${queueUrl} does not answer: ${reasonOf(thrown)}`, {
    hint: 'check the address and the network; it is asked again',
    cause: thrown,
  });
}

/** `TimeoutError: no answer in 5 s`, `connect ECONNREFUSED 127.0.0.1:4709`: the name `Error` alone says nothing. */
function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const errno = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : '';
  const parts = [thrown.name === 'Error' ? '' : thrown.name, thrown.message.includes(errno) ? '' : errno];
  return [...parts, thrown.message].filter(Boolean).join(': ') || 'unknown error';
}
