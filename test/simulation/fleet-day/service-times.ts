/** How long the cloud's own services take, in ms; assumptions, which docs/cost.md names. */
export const serviceTimes = {
  /** PostToConnection. */
  postMs: 8,
  /** A signature, in the authorizer. */
  verifyMs: 2,
  /** The status proxy's work for one gateway, both scans included. */
  proxyMsPerGateway: 0.3,
  /** To call another function. */
  invokeMs: 10,
} as const;
