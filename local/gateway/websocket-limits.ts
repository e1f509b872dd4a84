/** API Gateway's quotas for a WebSocket connection; none of them can be raised. */
export interface WebSocketLimits {
  readonly messageBytes: number;
  readonly frameBytes: number;
  readonly idleMs: number;
  readonly lifeMs: number;
  /** Ours: how long a peer may take to answer a close frame. */
  readonly closeMs: number;
}

export const webSocketLimits: WebSocketLimits = {
  messageBytes: 128 * 1024,
  frameBytes: 32 * 1024,
  idleMs: 10 * 60_000,
  lifeMs: 2 * 3600_000,
  closeMs: 5_000,
};
