/**
 * Half of what API Gateway opens a second for one account and region by default: the other half is for the tries that
 * follow a failed one.
 */
export const dialsPerSec = 250;
export const reconnectWindowMinMs = 30_000;

/** Over how long so many gateways that lost their connections at once spread their dials. */
export const reconnectWindowMsOf = (gatewayCount: number): number =>
  Math.max(reconnectWindowMinMs, Math.ceil(gatewayCount / dialsPerSec) * 1_000);

/** So many gateways would dial too fast within the window. */
export const isWindowTooSmall = (gatewayCount: number, windowMs: number): boolean =>
  gatewayCount * 1_000 > dialsPerSec * Math.max(windowMs, 1_000);
