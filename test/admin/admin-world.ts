import type { AdminApi } from '../../admin/admin-api.ts';
import { playbookSchema, type Play } from '../../admin/playbook-schema.ts';
import type { AlertEvent } from '../../core/alert-event.ts';
import type { AlertView, CommandView } from '../../core/api.ts';
import { HoldfastError } from '../../core/errors.ts';
import type { GatewayView } from '../../core/identity/gateway-view.ts';
import type { SubscriptionView } from '../../core/subscriptions/api.ts';
import type { Heartbeat, VolumeStatus } from '../../core/status.ts';
import { t0 } from '../support/fleet.ts';

export const alertKey = 'a'.repeat(32);
export const playbookSource = {
  version: 1,
  plays: [
    {
      condition: 'VolumeIrrecoverable',
      command: { kind: 'restore.start', params: { volumeId: '$component', bandwidthBytesPerSec: 1000 } },
      cooldown: '0s',
    },
  ],
};
export const playbook = playbookSchema.parse(playbookSource);

export const volume = (over: Partial<VolumeStatus> = {}): VolumeStatus => ({
  volumeId: 'vol-1',
  state: 'failed',
  failure: 'truncated',
  sizeBytes: 1024,
  lastSnapshotId: '01J',
  lastSnapshotAt: t0,
  ...over,
});

export const gatewayView = (
  over: Partial<GatewayView> = {},
  heartbeat: Partial<Heartbeat> = {},
): GatewayView => ({
  gatewayId: 'gw-1',
  tenantId: 'acme',
  name: 'Oslo 1',
  status: 'active',
  createdAt: t0,
  connection: { state: 'connected', cellId: 'cell-1', since: t0 },
  key: { generation: 1, fingerprint: '', since: t0 },
  lastSeenAt: t0,
  heartbeat: {
    bootId: 'b',
    seq: 1,
    sentAt: t0,
    agentVersion: '0.1.0',
    agentStartedAt: t0,
    metrics: { 'system.memory.utilization': 0.5 },
    filesystems: [],
    volumes: [volume()],
    ...heartbeat,
  },
  ...over,
});

export const alertView = (over: Partial<AlertView> = {}): AlertView => ({
  alertKey,
  tenantId: 'acme',
  gatewayId: 'gw-1',
  conditionId: 'VolumeIrrecoverable',
  component: 'vol-1',
  severity: 'critical',
  state: 'FIRING',
  episode: 1,
  seq: 1,
  summary: 'volume vol-1 is lost',
  changedAt: t0,
  evaluatedAt: t0,
  suggested: { kind: 'restore.start', params: { volumeId: 'vol-1' } },
  audit: [],
  ...over,
});

export const firing = (over: Partial<AlertEvent> = {}): { type: 'alert'; event: AlertEvent } => ({
  type: 'alert',
  event: {
    eventId: `${alertKey}#1#1`,
    type: 'firing',
    alertKey,
    episode: 1,
    seq: 1,
    tenantId: 'acme',
    gatewayId: 'gw-1',
    conditionId: 'VolumeIrrecoverable',
    component: 'vol-1',
    severity: 'critical',
    summary: 'volume vol-1 is lost',
    at: t0,
    ...over,
  },
});

/** The control plane as the admin process sees it: commands are known by their idempotency key. */
export class ControlPlane {
  alert: AlertView | undefined = alertView();
  readonly commands = new Map<string, CommandView>();
  readonly submissions: { gatewayId: string; body: Parameters<AdminApi['submitCommand']>[1] }[] = [];
  readonly confirmed: string[] = [];
  /** Those that are there before anything is put. */
  subscriptions: SubscriptionView[] = [];
  /** How each command ends, by the order of submission; the last goes on. */
  endings: CommandView['state'][] = ['SUCCEEDED'];
  /** Whether its list of open alerts has the alert: where not, only messages tell of it. */
  lists = false;
  /** After the last command's success the alert resolves. */
  heals = true;
  gateway: GatewayView = gatewayView();
  isMaintenance = false;
  readonly escalations: { alertKey: string; reason: string }[] = [];
  /** A command runs until it was looked at so often. */
  looksToEnd = 3;
  #looks = new Map<string, number>();

  readonly api: AdminApi = {
    listOpenAlerts: async () =>
      this.lists && this.alert && this.alert.state !== 'RESOLVED' ? [this.alert] : [],
    escalateAlert: async (key, { episode, reason }) => {
      if (key !== this.alert?.alertKey) throw new HoldfastError('NOT_FOUND', `no alert ${key}`);
      if (this.alert.state === 'RESOLVED') throw new HoldfastError('CONFLICT', `alert ${key} is RESOLVED`);
      this.escalations.push({ alertKey: key, reason });
      this.alert = { ...this.alert, escalation: { episode, at: t0, by: 'admin', reason } };
      return this.alert;
    },
    getGateway: async (gatewayId) => ({ ...this.gateway, gatewayId }),
    getConfiguration: async (gatewayId) => ({
      gatewayId,
      state: 'in-sync',
      desired: { version: 0, configuration: {} },
      changes: [],
      isMaintenance: this.isMaintenance,
    }),
    getAlert: async (key) => {
      if (key !== this.alert?.alertKey) throw new HoldfastError('NOT_FOUND', `no alert ${key}`);
      return this.alert;
    },
    submitCommand: async (gatewayId, body) => {
      this.submissions.push({ gatewayId, body });
      const key = body.idempotencyKey ?? '';
      const known = this.commands.get(key);
      if (known) return known;
      const command = {
        gatewayId,
        commandId: `cmd-${this.commands.size + 1}`,
        kind: body.kind,
        params: body.params ?? {},
        state: 'QUEUED',
      } as CommandView;
      this.commands.set(key, command);
      return command;
    },
    getCommand: async (_gatewayId, commandId) => {
      const all = [...this.commands.values()];
      const index = all.findIndex((command) => command.commandId === commandId);
      const command = all[index];
      if (!command) throw new HoldfastError('NOT_FOUND', `no command ${commandId}`);
      const looks = (this.#looks.get(commandId) ?? 0) + 1;
      this.#looks.set(commandId, looks);
      if (looks < this.looksToEnd) return { ...command, state: 'RUNNING' };
      const state = this.endings[index] ?? this.endings.at(-1)!;
      if (state === 'SUCCEEDED' && this.heals && this.alert)
        this.alert = { ...this.alert, state: 'RESOLVED' };
      return { ...command, state };
    },
    listSubscriptions: async () => ({
      subscriptions: this.subscriptions,
      namePrefix: 'holdfast-alerts-acme',
    }),
    putSubscription: async (subscriptionId, target) => ({
      tenantId: 'acme',
      subscriptionId,
      ...target,
      state: 'pending',
      createdAt: t0,
    }),
    confirmSubscription: async (subscriptionId, challenge) => {
      if (challenge !== 'right') throw new HoldfastError('FORBIDDEN', 'not the challenge that was sent');
      this.confirmed.push(subscriptionId);
      return {
        tenantId: 'acme',
        subscriptionId,
        kind: 'sqs',
        queueUrl: '',
        state: 'confirmed',
        createdAt: t0,
      };
    },
  };
}

/** One play with what a test is about. */
export const playOf = (over: object = {}): Play =>
  playbookSchema.parse({
    version: 1,
    plays: [
      {
        condition: 'VolumeIrrecoverable',
        command: { kind: 'restore.start', params: { volumeId: '$component' } },
        ...over,
      },
    ],
  }).plays[0]!;
