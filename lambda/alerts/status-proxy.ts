import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { HoldfastError } from '../../core/errors.ts';
import { clientOptions } from '../aws/client-options.ts';
import { eventHandler } from '../aws/event-handler.ts';
import {
  alertsTable,
  conditionSettingsTable,
  configurationsTable,
  gatewaysTable,
  inventoryTable,
  patternsTable,
  silencesTable,
  statusTable,
} from '../aws/tables.ts';
import { randomBytes } from 'node:crypto';
import { dynamoDayStore } from '../design-report/day-store.ts';
import { dynamoAlertStore } from './alert-store.ts';
import { dynamoDetectorStore } from './detector-store.ts';
import { eventBridgeSink } from './event-sink.ts';
import { dynamoFleet } from './fleet-source.ts';
import { dynamoHolds } from './hold-source.ts';
import { cachedInventory } from './inventory-source.ts';
import { runTick } from './tick.ts';

export const env = [
  'ALERTS_TABLE',
  'GATEWAYS_TABLE',
  'STATUS_TABLE',
  'CONDITION_SETTINGS_TABLE',
  'INVENTORY_TABLE',
  'PATTERNS_TABLE',
  'PROXY_INTERVAL_MS',
  'CONFIGURATIONS_TABLE',
  'SILENCES_TABLE',
  'ALERT_BUS_NAME',
  'HEARTBEAT_INTERVAL_MS',
  'RECONNECT_WINDOW_MS',
  'LATEST_AGENT_VERSION',
] as const;

/** Every minute: one look at the fleet. */
export const handler = eventHandler({
  event: 'proxy.tick',
  env,
  deps: (names) => ({
    alerts: dynamoAlertStore(alertsTable(names.ALERTS_TABLE)),
    fleet: dynamoFleet({
      gateways: gatewaysTable(names.GATEWAYS_TABLE),
      status: statusTable(names.STATUS_TABLE),
      settings: conditionSettingsTable(names.CONDITION_SETTINGS_TABLE),
    }),
    patterns: {
      detector: dynamoDetectorStore(patternsTable(names.PATTERNS_TABLE), {
        now: Date.now,
        random: randomBytes,
      }),
      inventory: cachedInventory(inventoryTable(names.INVENTORY_TABLE)),
      tickMs: durationMs('PROXY_INTERVAL_MS', names.PROXY_INTERVAL_MS),
    },
    days: dynamoDayStore(patternsTable(names.PATTERNS_TABLE), { now: Date.now, random: randomBytes }),
    holds: dynamoHolds({
      silences: silencesTable(names.SILENCES_TABLE),
      configurations: configurationsTable(names.CONFIGURATIONS_TABLE),
    }),
    bus: { client: new EventBridgeClient(clientOptions), name: names.ALERT_BUS_NAME },
    limits: {
      heartbeatIntervalMs: durationMs('HEARTBEAT_INTERVAL_MS', names.HEARTBEAT_INTERVAL_MS),
      reconnectWindowMs: durationMs('RECONNECT_WINDOW_MS', names.RECONNECT_WINDOW_MS),
      latestAgentVersion: names.LATEST_AGENT_VERSION,
    },
    now: Date.now,
  }),
  handle: async ({ bus, ...shared }, _event, { log, note }) => {
    const report = await runTick({ ...shared, events: eventBridgeSink(bus.client, bus.name, log), log });
    note({ ...report, frozenCells: report.frozenCells.join(' ') || undefined });
  },
});

function durationMs(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new HoldfastError('CONFIG', `environment variable ${name} is not a number of ms`, {
    hint: 'the function’s construct in lib/ must set it',
  });
}
