import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';

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
      const { Messages = [] } = await client.send(command, { abortSignal: signal });
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
