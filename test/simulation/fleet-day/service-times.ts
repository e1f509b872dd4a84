/** How long the cloud's own services take, in ms; assumptions, which docs/cost.md names. */
export const serviceTimes = {
  /** PostToConnection. */
  postMs: 8,
  /** A signature, in the authorizer. */
  verifyMs: 2,
  /** The status proxy's for one gateway: 0.06 ms of a whole core are measured, it has half of one, and pages to wait for. */
  proxyMsPerGateway: 0.15,
  /** To call another function. */
  invokeMs: 10,
} as const;
