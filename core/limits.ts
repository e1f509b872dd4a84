/** Sizes and durations that more than one part must agree on. Units stand last in each name. */
export const limits = {
  /** One message is one WebSocket frame; API Gateway's frame is 32 KB, the rest is headroom. */
  messageBytes: 24 * 1024,
  /** Command parameters and results; larger bodies go through S3. */
  commandBodyBytes: 16 * 1024,
  /** How deep JSON from outside may nest: a store keeps 32 levels. */
  jsonLevels: 32,
  /** The most, and what it is where nothing is asked for. */
  activationCodeTtlMs: 24 * 3600_000,
  /** The least that an activation code or a token may be good for. */
  ttlMinMs: 60_000,
  tokenTtlMaxMs: 366 * 24 * 3600_000,
  /** How long a command may wait for its gateway. */
  commandExpiryMinMs: 1_000,
  commandExpiryMaxMs: 30 * 24 * 3600_000,
  dialTokenTtlMs: 60_000,
  dialClockSkewMs: 5 * 60_000,
} as const;
