import { HoldfastError } from '../../core/errors.ts';
import { typed } from '../../core/typed.ts';
import type { StateDirectory } from '../state/state-directory.ts';
import { identityFileName, loadIdentity, type GatewayIdentity } from './gateway-identity.ts';
import { keyFileName } from './gateway-key.ts';
import { KeyRing } from './key-ring.ts';

/** The gateway that the state directory was activated as. Throws CONFIG where it was not, CORRUPT. */
export async function loadWhoWeAre(
  state: StateDirectory,
): Promise<{ identity: GatewayIdentity; ring: KeyRing }> {
  const identity = await loadIdentity(state.file(identityFileName));
  const ring = await KeyRing.open(state.file(keyFileName), identity?.activatedAt ?? 0);
  if (identity && ring) return { identity, ring };
  throw new HoldfastError('CONFIG', `the gateway of ${state.path} is not activated`, {
    hint: `activate it with \`${typed('holdfast-agent activate --server URL')}\``,
  });
}
