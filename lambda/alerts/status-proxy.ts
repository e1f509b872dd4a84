import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { requireEnv } from '../../core/env.ts';
import { HoldfastError } from '../../core/errors.ts';
import { jsonLog } from '../../core/log.ts';
import { dynamoAlertStore } from './alert-store.ts';
import { eventBridgeSink } from './event-sink.ts';
import { dynamoFleet } from './fleet-source.ts';
import { runTick, type TickDeps, type TickReport } from './tick.ts';

/** Parallel scans of each table: one serves 10,000 gateways. */
const scanSegments = 1;

/** Everything a tick needs, from the function's environment. Throws CONFIG for what is missing or no number. */
export function proxyDeps(env: Record<string, string | undefined>): TickDeps {
  const client = DynamoDBDocumentClient.from(new DynamoDBClient({}), {
    marshallOptions: { removeUndefinedValues: true },
  });
  const log = jsonLog((line) => process.stdout.write(`${line}\n`), Date.now);
  const latestAgentVersion = env['LATEST_AGENT_VERSION'];
  return {
    alerts: dynamoAlertStore(client, requireEnv(env, 'ALERTS_TABLE')),
    fleet: dynamoFleet(
      client,
      { gateways: requireEnv(env, 'GATEWAYS_TABLE'), status: requireEnv(env, 'STATUS_TABLE') },
      scanSegments,
    ),
    events: eventBridgeSink(new EventBridgeClient({}), requireEnv(env, 'ALERT_BUS_NAME'), log),
    limits: {
      heartbeatIntervalMs: durationEnv(env, 'HEARTBEAT_INTERVAL_MS'),
      reconnectWindowMs: durationEnv(env, 'RECONNECT_WINDOW_MS'),
      ...(latestAgentVersion ? { latestAgentVersion } : {}),
    },
    now: Date.now,
    log,
  };
}

function durationEnv(
  env: Record<string, string | undefined>,
  name: 'HEARTBEAT_INTERVAL_MS' | 'RECONNECT_WINDOW_MS',
): number {
  const value = Number(requireEnv(env, name));
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new HoldfastError('CONFIG', `environment variable ${name} is not a number of ms`, {
    hint: 'the function’s construct in lib/ must set it',
  });
}

let deps: TickDeps | undefined;

/** The schedule's target: one look at the fleet. */
export const handler = (): Promise<TickReport> => runTick((deps ??= proxyDeps(process.env)));
