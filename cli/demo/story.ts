import { lose, restore, verify } from './loss-steps.ts';
import type { Details } from './report.ts';
import type { Scene } from './scene.ts';
import { activate, boot } from './setup-steps.ts';
import { crossCells, snapshot } from './volume-steps.ts';
import type { World } from './world.ts';

/** The product's main job in seven steps; each throws where it does not hold. */
export function story(world: World, killAt: number): { name: string; run: () => Promise<Details> }[] {
  const scene: Scene = { world, killAt, agents: {}, gatewayIds: {}, hashes: [], written: new Map() };
  return [
    { name: 'The control plane boots from its template', run: () => boot(scene) },
    { name: 'Two gateways activate, dial out and report', run: () => activate(scene) },
    { name: 'A volume is snapshotted to S3, twice', run: () => snapshot(scene) },
    { name: 'A command crosses cells', run: () => crossCells(scene) },
    { name: 'The volume is lost; the customer’s admin process answers', run: () => lose(scene) },
    { name: 'The volume serves while it restores, through a SIGKILL', run: () => restore(scene) },
    { name: 'Everything is there, and the alert resolves', run: () => verify(scene) },
  ];
}
