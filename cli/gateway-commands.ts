import type { Command } from 'commander';
import type { GatewayView } from '../core/api.ts';
import { shortDuration } from './duration.ts';
import { bytes, fields, table, time } from './output.ts';
import { apiCommand, commandGroup, type CliDeps } from './program.ts';
import { typed } from '../core/typed.ts';

export function addGatewayCommands(program: Command, deps: CliDeps): void {
  const group = commandGroup(program, 'gateways', 'the gateways of a tenant', [
    'gateways list',
    'gateways show gw-7x2k',
    'gateways rename gw-7x2k "Oslo 1"',
  ]);
  apiCommand(group, 'list', 'list gateways with their connection and last status', deps, [
    'gateways list',
    'gateways list --tenant acme --json',
  ]).run(async ({ api, deps, show }) => {
    const gateways: GatewayView[] = [];
    let next: string | undefined;
    do {
      const page = await api.call('listGateways', { query: { next } });
      gateways.push(...page.gateways);
      next = page.next;
    } while (next);
    show({ gateways }, () => gatewayTable(gateways, deps.now()));
  });

  apiCommand(group, 'show <gateway>', 'show one gateway: connection, status, volumes, inventory', deps, [
    'gateways show gw-7x2k',
  ]).run(async ({ api, deps, show }, gatewayId) => {
    const { gateway } = await api.call('getGateway', { params: { gatewayId: gatewayId ?? '' } });
    show({ gateway }, () => gatewayText(gateway, deps.now()));
  });

  apiCommand(group, 'rename <gateway> <name>', 'give a gateway another name', deps, [
    'gateways rename gw-7x2k "Oslo 1"',
  ]).run(async ({ api, show }, gatewayId, name) => {
    const answer = await api.call('renameGateway', {
      params: { gatewayId: gatewayId ?? '' },
      body: { name },
    });
    show(answer, () => `${gatewayId} is now "${name}"`);
  });

  apiCommand(
    group,
    'revoke <gateway>',
    'end a gateway’s identity at once; it must be activated again',
    deps,
    ['gateways revoke gw-7x2k'],
  ).run(async ({ api, show }, gatewayId) => {
    const answer = await api.call('revokeGateway', { params: { gatewayId: gatewayId ?? '' } });
    show(answer, () => `${gatewayId} is revoked`);
  });
}

/** Also for the fleet, where the tenant matters. */
export function gatewayTable(gateways: GatewayView[], now: number, withTenant = false): string {
  if (gateways.length === 0)
    return `no gateways yet; \`${typed('holdfast activation create')}\` makes a code for one`;
  const tenant = withTenant ? ['TENANT'] : [];
  return table(
    ['GATEWAY', ...tenant, 'CONNECTION', 'LAST SEEN', 'VERSION', 'VOLUMES', 'NAME'],
    gateways.map((gateway) => [
      gateway.gatewayId,
      ...(withTenant ? [gateway.tenantId] : []),
      connection(gateway),
      gateway.lastSeenAt ? `${shortDuration(now - gateway.lastSeenAt)} ago` : 'never',
      gateway.heartbeat?.agentVersion ?? '-',
      volumeSummary(gateway),
      gateway.name ?? '-',
    ]),
  );
}

const connection = (gateway: GatewayView): string => {
  if (gateway.status === 'revoked') return 'revoked';
  return gateway.connection.state === 'connected'
    ? (gateway.connection.cellId ?? 'connected')
    : 'disconnected';
};

function volumeSummary(gateway: GatewayView): string {
  const volumes = gateway.heartbeat?.volumes ?? [];
  const ill = volumes.filter((volume) => volume.state !== 'healthy');
  return ill.length
    ? `${volumes.length} (${ill.map((v) => `${v.volumeId} ${v.state}`).join(', ')})`
    : `${volumes.length}`;
}

function gatewayText(gateway: GatewayView, now: number): string {
  const { heartbeat, inventory } = gateway;
  const head = fields({
    gateway: gateway.gatewayId,
    name: gateway.name,
    tenant: gateway.tenantId,
    created: time(gateway.createdAt),
    connection: connection(gateway),
    'last seen': gateway.lastSeenAt ? `${shortDuration(now - gateway.lastSeenAt)} ago` : 'never',
    'clock skew': gateway.clockSkewMs === undefined ? undefined : `${gateway.clockSkewMs} ms`,
    agent: heartbeat?.agentVersion,
    host:
      inventory &&
      `${inventory.hostname} (${inventory.os}, ${inventory.cpuCount} CPUs, ${bytes(inventory.memoryBytes)})`,
  });
  const volumes = (heartbeat?.volumes ?? []).map((volume) => [
    volume.volumeId,
    volume.failure ? `${volume.state}: ${volume.failure}` : volume.state,
    bytes(volume.sizeBytes),
    volume.lastSnapshotAt ? `${shortDuration(now - volume.lastSnapshotAt)} ago` : 'never',
    volume.restore ? `${Math.round(volume.restore.fraction * 100)} %` : '-',
  ]);
  const filesystems = (heartbeat?.filesystems ?? []).map((fs) => [
    fs.mount,
    bytes(fs.sizeBytes),
    `${Math.round((fs.freeBytes / Math.max(1, fs.sizeBytes)) * 100)} %`,
  ]);
  const parts = [head];
  if (volumes.length) parts.push(table(['VOLUME', 'STATE', 'SIZE', 'SNAPSHOT', 'RESTORED'], volumes));
  if (filesystems.length) parts.push(table(['FILE SYSTEM', 'SIZE', 'FREE'], filesystems));
  return parts.join('\n\n');
}
