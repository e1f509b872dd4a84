import type { GatewayView } from '../core/identity/gateway-view.ts';
import type { CliDeps, Session } from './program.ts';

export interface WatchDeps extends CliDeps {
  /** Resolves when whoever looks has seen enough. */
  interrupted: () => Promise<void>;
  isTerminal: boolean;
}

/** How often it is asked for, and how often those who look say so: twice in the time for which they are believed. */
const lookMs = 1_000;
const clearScreen = '\u001b[H\u001b[2J';

/**
 * Shows a gateway again whenever something of it changed, until it is interrupted, and has it report faster
 * meanwhile. On a terminal each takes the place of the one before.
 */
export async function watchGateway(
  { api, show }: Session,
  deps: WatchDeps,
  gatewayId: string,
  text: (gateway: GatewayView) => string,
): Promise<void> {
  const params = { gatewayId };
  let isOver = false;
  const interrupted = deps.interrupted().then(() => (isOver = true));
  let saidAt = -Infinity;
  let sayAgainMs = 0;
  let shown = '';
  while (!isOver) {
    if (deps.now() - saidAt >= sayAgainMs) {
      saidAt = deps.now();
      sayAgainMs = (await api.call('watchGateway', { params, body: {} })).forMs / 2;
    }
    const { gateway } = await api.call('getGateway', { params });
    const looks = JSON.stringify(gateway);
    if (looks !== shown) {
      if (deps.isTerminal) deps.stdout(clearScreen);
      show({ gateway }, () => `${text(gateway)}\n`);
    }
    shown = looks;
    await Promise.race([interrupted, new Promise((resolve) => setTimeout(resolve, lookMs))]);
  }
}
