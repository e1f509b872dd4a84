import type { SilenceItem } from '../../core/alerts/model.ts';
import type { BulkJobItem, BulkTargetItem } from '../../core/bulk/model.ts';
import type {
  AlertItem,
  CellsItem,
  CommandItem,
  ConfigurationItem,
  GatewayItem,
  HolderItem,
  InventoryItem,
  StatusItem,
  TokenItem,
} from '../../core/model.ts';
import type { ActivationCodeItem } from '../../core/identity/model.ts';
import type { ConditionSettingsItem } from '../../core/conditions/settings.ts';
import type {
  DeadLetterItem,
  LaneItem,
  SendBudgetItem,
  SubscriptionItem,
} from '../../core/subscriptions/model.ts';
import type { PatternsItem } from '../../core/patterns/items.ts';
import type { RollupItem } from '../../core/rollups/rollup-item.ts';
import type { AuditItem } from '../../core/audit/audit-item.ts';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { Table } from './table.ts';

type Client = DynamoDBDocumentClient;

/** The tables of core/model.ts by the names that the environment gives them. */
export const gatewaysTable = (name: string, client?: Client) =>
  new Table<GatewayItem, 'gatewayId'>(name, ['gatewayId'], client);
export const connectionsTable = (name: string, client?: Client) =>
  new Table<HolderItem, 'gatewayId'>(name, ['gatewayId'], client);
export const statusTable = (name: string, client?: Client) =>
  new Table<StatusItem, 'gatewayId'>(name, ['gatewayId'], client);
export const inventoryTable = (name: string, client?: Client) =>
  new Table<InventoryItem, 'gatewayId'>(name, ['gatewayId'], client);
export const rollupsTable = (name: string, client?: Client) =>
  new Table<RollupItem, 'gatewayId' | 'rollupKey'>(name, ['gatewayId', 'rollupKey'], client);
export const alertsTable = (name: string, client?: Client) =>
  new Table<AlertItem, 'alertKey'>(name, ['alertKey'], client);
export const conditionSettingsTable = (name: string, client?: Client) =>
  new Table<ConditionSettingsItem, 'tenantId'>(name, ['tenantId'], client);
export const patternsTable = (name: string, client?: Client) =>
  new Table<PatternsItem, 'itemKey'>(name, ['itemKey'], client);
export const silencesTable = (name: string, client?: Client) =>
  new Table<SilenceItem, 'tenantId' | 'silenceId'>(name, ['tenantId', 'silenceId'], client);
export const commandsTable = (name: string, client?: Client) =>
  new Table<CommandItem, 'gatewayId' | 'commandId'>(name, ['gatewayId', 'commandId'], client);
export const configurationsTable = (name: string, client?: Client) =>
  new Table<ConfigurationItem, 'gatewayId'>(name, ['gatewayId'], client);
export const cellsTable = (name: string, client?: Client) =>
  new Table<CellsItem, 'scope'>(name, ['scope'], client);
export const bulkSendsTable = (name: string, client?: Client) =>
  new Table<BulkJobItem, 'bulkId'>(name, ['bulkId'], client);
export const bulkTargetsTable = (name: string, client?: Client) =>
  new Table<BulkTargetItem, 'bulkId' | 'gatewayId'>(name, ['bulkId', 'gatewayId'], client);
export const activationCodesTable = (name: string, client?: Client) =>
  new Table<ActivationCodeItem, 'codeHash'>(name, ['codeHash'], client);
export const tokensTable = (name: string, client?: Client) =>
  new Table<TokenItem, 'tokenHash'>(name, ['tokenHash'], client);
export const subscriptionsTable = (name: string, client?: Client) =>
  new Table<SubscriptionItem, 'tenantId' | 'subscriptionId'>(name, ['tenantId', 'subscriptionId'], client);
export const alertLanesTable = (name: string, client?: Client) =>
  new Table<LaneItem, 'deliveryKey' | 'alertKey'>(name, ['deliveryKey', 'alertKey'], client);
export const deadLettersTable = (name: string, client?: Client) =>
  new Table<DeadLetterItem, 'deliveryKey' | 'letterId'>(name, ['deliveryKey', 'letterId'], client);
export const sendBudgetsTable = (name: string, client?: Client) =>
  new Table<SendBudgetItem, 'tenantId'>(name, ['tenantId'], client);
export const auditTable = (name: string, client?: Client) =>
  new Table<AuditItem, 'tenantId' | 'entryKey'>(name, ['tenantId', 'entryKey'], client);
