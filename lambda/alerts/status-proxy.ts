import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { HoldfastError } from '../../core/errors.ts';
import { clientOptions } from '../aws/client-options.ts';
import { eventHandler } from '../aws/event-handler.ts';
import { alertsTable, conditionSettingsTable, gatewaysTable, statusTable } from '../aws/tables.ts';
import { dynamoAlertStore } from './alert-store.ts';
import { eventBridgeSink } from './event-sink.ts';
import { dynamoFleet } from './fleet-source.ts';
import { runTick } from './tick.ts';

export const env = [
  'ALERTS_TABLE',
  'GATEWAYS_TABLE',
  'STATUS_TABLE',
  'CONDITION_SETTINGS_TABLE',
  'ALERT_BUS_NAME',
  'HEARTBEAT_INTERVAL_MS',
  'RECONNECT_WINDOW_MS',
  'LATEST_AGENT_VERSION',
] as const;

/** Parallel scans of each table: one serves 10,000 gateways. */
const scanSegments = 1;

/** Every minute: one look at the fleet. */
export const handler = eventHandler({
  event: 'proxy.tick',
  env,
  deps: (names) => ({
    alerts: dynamoAlertStore(alertsTable(names.ALERTS_TABLE)),
    fleet: dynamoFleet(
      {
        gateways: gatewaysTable(names.GATEWAYS_TABLE),
        status: statusTable(names.STATUS_TABLE),
        settings: conditionSettingsTable(names.CONDITION_SETTINGS_TABLE),
      },
      scanSegments,
    ),
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
