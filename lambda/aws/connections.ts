import {
  ApiGatewayManagementApiClient,
  ApiGatewayManagementApiServiceException,
  DeleteConnectionCommand,
  PostToConnectionCommand,
} from '@aws-sdk/client-apigatewaymanagementapi';
import { clientOptions } from './client-options.ts';

/**
 * `sent`: API Gateway took the message, which is not a receipt. `gone`: there is no such connection (it has been
 * seen to say so of a message that arrived). `unknown`: throttled, timed out or failed: it may have been sent.
 */
export type PostResult = 'sent' | 'gone' | 'unknown';

/** The connections that a cell holds. */
export interface Connections {
  post(connectionId: string, message: string): Promise<PostResult>;
  /** Closing one that is gone already is no error. */
  close(connectionId: string): Promise<void>;
}

/** The @connections API at `callbackUrl`, `https://…/stage`. */
export function apiGatewayConnections(callbackUrl: string): Connections {
  const client = new ApiGatewayManagementApiClient({ ...clientOptions, endpoint: callbackUrl });
  return {
    async post(connectionId, message) {
      try {
        await client.send(
          new PostToConnectionCommand({ ConnectionId: connectionId, Data: Buffer.from(message) }),
        );
        return 'sent';
      } catch (thrown) {
        if (isGone(thrown)) return 'gone';
        if (isRefused(thrown)) throw thrown;
        return 'unknown';
      }
    },
    async close(connectionId) {
      await client.send(new DeleteConnectionCommand({ ConnectionId: connectionId })).catch((thrown) => {
        if (!isGone(thrown)) throw thrown;
      });
    },
  };
}

const isGone = (thrown: unknown): boolean => thrown instanceof Error && thrown.name === 'GoneException';

/** Refusals that trying again cannot help: a missing permission, a message that is too large. */
function isRefused(thrown: unknown): boolean {
  if (!(thrown instanceof ApiGatewayManagementApiServiceException)) return false;
  const status = thrown.$metadata.httpStatusCode ?? 500;
  return status >= 400 && status < 500 && status !== 429;
}
