import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { GatewayView } from '../../core/identity/gateway-view.ts';
import { readLocalClient } from '../context.ts';
import { until } from './processes.ts';
import type { Details } from './report.ts';
import { broken, type Scene } from './scene.ts';

const seconds = (fromMs: number): string => `${((performance.now() - fromMs) / 1000).toFixed(1)} s`;

export async function boot({ world }: Scene): Promise<Details> {
  const started = performance.now();
  const args = ['up', '--data-dir', world.dataDir, '--cells', '2', '--port', '0', '--no-activation-code'];
  const cloud = await world.start('cloud', 'holdfast', [...args, '--schedule-scale', '12', '--log', 'json']);
  await until('the boot', 90_000, async () => {
    if (cloud.exitCode !== null) throw broken(`holdfast up ended with ${cloud.exitCode}; see logs/cloud.log`);
    await stat(join(world.dataDir, 'client.json'));
    return true;
  });
  const { gateways } = await world.holdfastJson<{ gateways: GatewayView[] }>('gateways', 'list');
  if (gateways.length) throw broken('the data directory is not fresh');
  return {
    cells: 'cell-1, cell-2',
    schedules: 'every minute in the template, 12 times as fast here',
    ready: `${seconds(started)} after the start, synth included`,
  };
}

export async function activate(scene: Scene): Promise<Details> {
  const { world } = scene;
  const endpoint = readLocalClient(world.dataDir)?.endpoint;
  if (!endpoint) throw broken('the control plane has left no address');
  for (const [agent, cell] of [
    ['a', 'cell-1'],
    ['b', 'cell-2'],
  ] as const) {
    const code = await world.holdfast('activation', 'create', '--name', `Gateway ${agent.toUpperCase()}`);
    await world.agentCli(agent, ['activate', '--server', endpoint, '--cell', cell], code);
    scene.agents[agent] = await world.startAgent(agent);
  }
  const gateways = await until('the status of two gateways', 30_000, async () => {
    const list = (await world.holdfastJson<{ gateways: GatewayView[] }>('gateways', 'list')).gateways;
    const up = list.filter((g) => g.connection.state === 'connected' && g.heartbeat);
    return up.length === 2 ? up : undefined;
  });
  const details: Details = {};
  for (const gateway of gateways.toSorted((a, b) => (a.name ?? '').localeCompare(b.name ?? ''))) {
    scene.gatewayIds[gateway.name === 'Gateway A' ? 'a' : 'b'] = gateway.gatewayId;
    const memory = gateway.heartbeat?.metrics['system.memory.utilization'];
    if (memory === undefined) throw broken('the status has no memory utilization');
    const mounts = gateway.heartbeat?.filesystems.map((fs) => fs.mount).join(' ');
    details[gateway.name ?? ''] =
      `${gateway.gatewayId} in ${gateway.connection.cellId}, memory ${Math.round(memory * 100)} % used, mounts ${mounts}`;
  }
  if (new Set(gateways.map((gateway) => gateway.connection.cellId)).size !== 2)
    throw broken('the two gateways are in one cell');
  return details;
}
