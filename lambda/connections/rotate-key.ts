import { decideRotation } from '../../core/identity/key-rotation.ts';
import type { Upstream } from '../../core/messages.ts';
import type { GatewayStore } from '../commands/ports.ts';
import { postDrafts } from '../commands/reach.ts';
import { refuse, requireLive, type FrameDeps, type Socket } from './socket.ts';

export interface RotationDeps extends FrameDeps {
  gateways: GatewayStore;
}

const triesMax = 4;

/** Answers `key.rotate` with `key.rotated`; the same request again, after a crash or a lost answer, likewise. */
export async function rotateKey(
  deps: RotationDeps,
  socket: Socket,
  { id, body }: Extract<Upstream, { t: 'key.rotate' }>,
): Promise<void> {
  const { gatewayId } = socket;
  for (let tries = 0; tries < triesMax; tries++) {
    const gateway = await requireLive(deps, socket, id);
    if (!gateway) return;
    const decision = decideRotation(gateway, body, socket, deps.clock.now());
    if (!decision.accept) {
      await refuse(deps, socket, { code: 'KEY_REFUSED', message: decision.reason, messageId: id });
      return;
    }
    const { update, keyGeneration } = decision;
    if (update && !(await deps.gateways.update(gatewayId, update))) continue;
    deps.log('info', 'key.rotated', { gatewayId, keyGeneration, repeated: !update });
    await postDrafts(deps, socket, [
      { t: 'key.rotated', body: { keyGeneration, publicKey: body.publicKey } },
    ]);
    return;
  }
  // Without an answer the agent asks again.
  deps.log('warn', 'key.contended', { gatewayId });
}
