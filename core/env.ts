import { HoldfastError } from './errors.ts';

/** Environment variables of the functions: set in lib/, read in lambda/, named here once. */
export const envNames = [
  'GATEWAYS_TABLE',
  'COMMANDS_TABLE',
  'BULK_SENDS_TABLE',
  'BULK_TARGETS_TABLE',
  'STATUS_TABLE',
  'INVENTORY_TABLE',
  'ROLLUPS_TABLE',
  'ALERTS_TABLE',
  'CONDITION_SETTINGS_TABLE',
  'PATTERNS_TABLE',
  'SILENCES_TABLE',
  'ACTIVATION_CODES_TABLE',
  'TOKENS_TABLE',
  'SUBSCRIPTIONS_TABLE',
  'ALERT_LANES_TABLE',
  'DEAD_LETTERS_TABLE',
  'SEND_BUDGETS_TABLE',
  /** The function that sends alerts to their targets. */
  'ALERT_DELIVERY_FUNCTION',
  /** KMS key that webhooks' secrets are sealed with. */
  'WEBHOOK_KEY_ARN',
  /** allowed | refused: webhooks on this machine over plain http; only the local mode heeds it. */
  'LOOPBACK_WEBHOOKS',
  'CONFIGURATIONS_TABLE',
  'CELLS_TABLE',
  'AUDIT_TABLE',
  'CONNECTIONS_TABLE',
  'SNAPSHOT_BUCKET',
  /** Role that agents' S3 sessions are cut from. */
  'AGENT_STORAGE_ROLE_ARN',
  'ALERT_BUS_NAME',
  /** SSM path under which each cell publishes a CellEntry as JSON. */
  'CELL_DIRECTORY_PATH',
  /** In a cell's functions: which cell they belong to. */
  'CELL_ID',
  /** In a cell's functions: base URL of the cell's @connections API. */
  'CALLBACK_URL',
  /** registry | broadcast | hybrid */
  'FORWARDING_MODE',
  'HEARTBEAT_INTERVAL_MS',
  /** How often the status proxy looks at the fleet. */
  'PROXY_INTERVAL_MS',
  'CHANGE_BURST',
  'RECONNECT_WINDOW_MS',
  /** Agents older than this raise AgentOutdated. */
  'LATEST_AGENT_VERSION',
] as const;
export type EnvName = (typeof envNames)[number];
export type FunctionEnv = Partial<Record<EnvName, string>>;

/** The variable's value; CONFIG names the one that is missing. */
export function requireEnv(env: Record<string, string | undefined>, name: EnvName): string {
  const value = env[name];
  if (value === undefined || value === '' || value === 'undefined')
    throw new HoldfastError('CONFIG', `environment variable ${name} is not set`, {
      hint: 'the function’s construct in lib/ must set it',
    });
  return value;
}

/** What a cell publishes about itself: the only source of its addresses. */
export interface CellEntry {
  cellId: string;
  /** Where agents dial. */
  webSocketUrl: string;
  /** The cell's own HTTP door for commands. */
  apiUrl: string;
  /** Function that posts to the connections which this cell holds; invoked by peers and home. */
  deliverFunctionName: string;
}
