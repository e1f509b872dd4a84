/** What the network and the cloud may do wrong, as chances: of each frame, call, post, dial or closed connection. */
export interface Faults {
  /** A frame from a gateway that no function gets to see. */
  lostFrame: number;
  /** A frame, in either direction, that comes twice. */
  duplicate: number;
  /** A frame, in either direction, that others overtake. */
  reorder: number;
  lostDisconnect: number;
  doubleDisconnect: number;
  /** A post that is answered 410 and arrives all the same. */
  goneAfterDelivery: number;
  /** A post that is refused for now, or whose answer is lost: nobody knows whether it arrives. */
  throttledPost: number;
  /** A frame for which no function is free: nothing of it happens, and its sender is told so. */
  throttledFrame: number;
  throttledDial: number;
  /** A function that is killed at a call, before or after the call took effect. */
  crash: number;
  /** A call of a store that fails, before or after it took effect. */
  failedCall: number;
  /** A cell that does not answer its peers, or whose answer is lost. */
  silentCell: number;
  /** A call that takes many seconds. */
  slowCall: number;
  /** An agent's machine that dies while its journal is written. */
  agentCrash: number;
}

export const noFaults: Faults = {
  lostFrame: 0,
  duplicate: 0,
  reorder: 0,
  lostDisconnect: 0,
  doubleDisconnect: 0,
  goneAfterDelivery: 0,
  throttledPost: 0,
  throttledFrame: 0,
  throttledDial: 0,
  crash: 0,
  failedCall: 0,
  silentCell: 0,
  slowCall: 0,
  agentCrash: 0,
};

/** Everything at once. */
export const allFaults: Faults = {
  lostFrame: 0.02,
  duplicate: 0.05,
  reorder: 0.05,
  lostDisconnect: 0.2,
  doubleDisconnect: 0.1,
  goneAfterDelivery: 0.03,
  throttledPost: 0.05,
  throttledFrame: 0.02,
  throttledDial: 0.1,
  crash: 0.01,
  failedCall: 0.01,
  silentCell: 0.05,
  slowCall: 0.01,
  agentCrash: 0.02,
};

/**
 * What the protocol bears without its sweeper: no function dies and no call fails, so that each command is posted by
 * the submit or the hello that sees it. A wake-up that is missed shows here.
 */
export const bearableFaults: Faults = {
  ...noFaults,
  duplicate: 0.05,
  reorder: 0.05,
  lostDisconnect: 0.2,
  doubleDisconnect: 0.1,
  goneAfterDelivery: 0.03,
  agentCrash: 0.01,
};
