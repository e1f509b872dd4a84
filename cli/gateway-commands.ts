import type { Command } from 'commander';
import type { Answers } from '../core/api.ts';
import { bytesText, durationText, percentText, timeText } from '../core/readable.ts';
import type { GatewayView } from '../core/identity/gateway-view.ts';
import { addDiagnoseCommand } from './diagnose-command.ts';
import { addHistoryCommand } from './history-command.ts';
import { printableLine } from '../core/printable.ts';
import { addLabelCommand, labelText } from './label-command.ts';
import { fields, table } from './output.ts';
import { addConfigurationCommands } from './configuration-commands.ts';
import { apiCommand, commandGroup, type Session } from './program.ts';
import { watchGateway, type WatchDeps } from './watch-gateway.ts';

export function addGatewayCommands(program: Command, deps: WatchDeps): void {
  const group = commandGroup(program, 'gateways', 'the gateways of a tenant', [
    'gateways list',
    'gateways show gw-7x2k',
    'gateways rename gw-7x2k "Oslo 1"',
    'gateways history gw-7x2k --span day',
    'gateways diagnose gw-7x2k',
    'gateways configure gw-7x2k --set log-level=debug',
  ]);
  const list = apiCommand(group, 'list', 'list gateways with their connection and last status', deps, [
    'gateways list',
    'gateways list --all',
    'gateways list --tenant acme --json',
  ]);
  withRevokedOption(list).run(async ({ api, deps, show, toType }) => {
    const found = await everyGateway(list, (query) => api.call('listGateways', { query }));
    const toShowAll = toType('holdfast gateways list --all');
    show(found, () => gatewayTable(found, { now: deps.now(), toType, toShowAll }));
  });

  const showOne = apiCommand(
    group,
    'show <gateway>',
    'show one gateway: connection, status, volumes, inventory',
    deps,
    ['gateways show gw-7x2k', 'gateways show gw-7x2k --watch'],
  );
  showOne
    .option('--watch', 'go on until Ctrl-C; the gateway reports every few seconds meanwhile')
    .run(async (session, gatewayId = '') => {
      const text = (gateway: GatewayView) => gatewayText(gateway, deps.now());
      if (showOne.opts<{ watch?: boolean }>().watch) return watchGateway(session, deps, gatewayId, text);
      const { gateway } = await session.api.call('getGateway', { params: { gatewayId } });
      session.show({ gateway }, () => text(gateway));
    });

  addConfigurationCommands(group, deps);

  apiCommand(group, 'rename <gateway> <name>', 'give a gateway another name', deps, [
    'gateways rename gw-7x2k "Oslo 1"',
  ]).run(async ({ api, show }, gatewayId, name) => {
    const answer = await api.call('renameGateway', {
      params: { gatewayId: gatewayId ?? '' },
      body: { name },
    });
    show(answer, () => `${gatewayId} is now "${name}"`);
  });

  addLabelCommand(group, deps);

  apiCommand(
    group,
    'confirm <gateway>',
    'let a gateway take commands whose code was made with --confirm',
    deps,
    [
      'gateways show gw-7x2k    # is this your host, your address, the fingerprint that its agent shows?',
      'gateways confirm gw-7x2k',
    ],
  ).run(async ({ api, show }, gatewayId) => {
    const answer = await api.call('confirmGateway', { params: { gatewayId: gatewayId ?? '' } });
    show(answer, () => printableLine(`${gatewayId} (${origin(answer.gateway)}) is confirmed`));
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
  addHistoryCommand(group, deps);
  addDiagnoseCommand(group, deps);
}

interface FoundGateways {
  gateways: GatewayView[];
  /** Revoked ones that were left out. */
  hiddenCount: number;
}

/** `--all`, on a list of gateways. */
export const withRevokedOption = <T extends Command>(list: T): T =>
  list
    .option('--all', 'revoked ones too')
    .addHelpText('after', '\nWithout --all, `hiddenCount` of --json says how many revoked ones there are.');

/** All pages of a list that has `--all`. */
export async function everyGateway(
  list: Command,
  ask: (query: { status: string; next?: string }) => Promise<Answers['listGateways']>,
): Promise<FoundGateways> {
  const status = list.opts<{ all?: boolean }>().all ? 'all' : 'current';
  const found: FoundGateways = { gateways: [], hiddenCount: 0 };
  let next: string | undefined;
  do {
    const page = await ask({ status, ...(next === undefined ? {} : { next }) });
    found.gateways.push(...page.gateways);
    found.hiddenCount += page.hiddenCount ?? 0;
    next = page.next;
  } while (next);
  return found;
}

interface TableOptions {
  now: number;
  toType: Session['toType'];
  /** The line that shows hidden ones too. */
  toShowAll: string;
  withTenant?: boolean;
}

/** Also for the fleet, where the tenant matters. */
export function gatewayTable({ gateways, hiddenCount }: FoundGateways, options: TableOptions): string {
  const hidden = `${hiddenCount} revoked ${hiddenCount === 1 ? 'one is' : 'ones are'} not shown: ${options.toShowAll}`;
  const shown =
    gateways.length === 0
      ? `no gateways ${hiddenCount === 0 ? 'yet' : 'any more'}; \`${options.toType('holdfast activation create')}\` makes a code for one`
      : rowsOf(gateways, options);
  return hiddenCount === 0 ? shown : `${shown}\n\n${hidden}`;
}

function rowsOf(gateways: GatewayView[], { now, withTenant = false }: TableOptions): string {
  const tenant = withTenant ? ['TENANT'] : [];
  return table(
    ['GATEWAY', ...tenant, 'CONNECTION', 'LAST SEEN', 'VERSION', 'VOLUMES', 'NAME'],
    gateways.map((gateway) => [
      gateway.gatewayId,
      ...(withTenant ? [gateway.tenantId] : []),
      connection(gateway),
      gateway.lastSeenAt ? `${durationText(now - gateway.lastSeenAt)} ago` : 'never',
      gateway.heartbeat?.agentVersion ?? '-',
      `${gateway.heartbeat?.volumes.length ?? 0}`,
      gateway.name ?? '-',
    ]),
    gateways.map(notes),
  );
}

const connection = (gateway: GatewayView): string => {
  if (gateway.status !== 'active') return gateway.status;
  return gateway.connection.state === 'connected'
    ? (gateway.connection.cellId ?? 'connected')
    : 'disconnected';
};

const origin = ({ activatedFrom }: GatewayView): string =>
  `${activatedFrom?.hostname ?? 'an unnamed host'}, from ${activatedFrom?.address ?? 'an unknown address'}`;

/** What a row has to say besides: a second host under its key, volumes that are not healthy. */
function notes(gateway: GatewayView): string | undefined {
  const cloned = gateway.cloneSeenAt === undefined ? undefined : 'two hosts use its key';
  return [cloned, illVolumes(gateway)].filter(Boolean).join(', ') || undefined;
}

/** `vol-a lost, vol-b restoring`; undefined where all are healthy. */
function illVolumes({ heartbeat }: GatewayView): string | undefined {
  const ill = (heartbeat?.volumes ?? []).filter(({ state }) => state !== 'healthy');
  return ill.length ? ill.map(({ volumeId, state }) => `${volumeId} ${state}`).join(', ') : undefined;
}

/** What stands below it is as old as that: a gateway that is down is shown as it was. */
function lastSeen({ lastSeenAt, connection: { state } }: GatewayView, now: number): string {
  if (lastSeenAt === undefined) return 'never';
  const ago = `${durationText(now - lastSeenAt)} ago`;
  return state === 'connected' ? ago : `${ago}; what stands here is as of then`;
}

function gatewayText(gateway: GatewayView, now: number): string {
  const { heartbeat, inventory } = gateway;
  const head = fields({
    gateway: gateway.gatewayId,
    name: gateway.name,
    tenant: gateway.tenantId,
    labels: labelText(gateway.labels),
    created: timeText(gateway.createdAt),
    activated: `by ${origin(gateway)}`,
    key: `generation ${gateway.key.generation}, since ${timeText(gateway.key.since)}`,
    fingerprint: gateway.key.fingerprint,
    'two hosts':
      gateway.cloneSeenAt && `use this key, last seen ${durationText(now - gateway.cloneSeenAt)} ago`,
    connection: connection(gateway),
    'last seen': lastSeen(gateway, now),
    'clock skew': gateway.clockSkewMs === undefined ? undefined : `${gateway.clockSkewMs} ms`,
    agent: heartbeat?.agentVersion,
    host:
      inventory &&
      `${inventory.hostname} (${inventory.os}, ${inventory.cpuCount} CPUs, ${bytesText(inventory.memoryBytes)})`,
  });
  const volumes = (heartbeat?.volumes ?? []).map((volume) => [
    volume.volumeId,
    volume.failure ? `${volume.state}: ${volume.failure}` : volume.state,
    bytesText(volume.sizeBytes),
    volume.lastSnapshotAt ? `${durationText(now - volume.lastSnapshotAt)} ago` : 'never',
    volume.restore ? percentText(volume.restore.fraction) : '-',
  ]);
  const filesystems = (heartbeat?.filesystems ?? []).map((fs) => [
    fs.mount,
    bytesText(fs.sizeBytes),
    percentText(fs.freeBytes / Math.max(1, fs.sizeBytes)),
  ]);
  const parts = [head];
  if (volumes.length) parts.push(table(['VOLUME', 'STATE', 'SIZE', 'SNAPSHOT', 'RESTORED'], volumes));
  if (filesystems.length) parts.push(table(['FILE SYSTEM', 'SIZE', 'FREE'], filesystems));
  return parts.join('\n\n');
}
