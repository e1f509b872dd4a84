import { RemovalPolicy } from 'aws-cdk-lib';
import {
  AttributeType,
  BillingMode,
  ProjectionType,
  Table,
  TableEncryption,
  type Attribute,
  type ITable,
} from 'aws-cdk-lib/aws-dynamodb';
import { Construct } from 'constructs';
import type { SilenceItem } from '../core/alerts/model.ts';
import type { BulkJobItem, BulkTargetItem } from '../core/bulk/model.ts';
import type { EnvName } from '../core/env.ts';
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
} from '../core/model.ts';
import type { ActivationCodeItem } from '../core/identity/model.ts';
import type { ConditionSettingsItem } from '../core/conditions/settings.ts';
import type {
  DeadLetterItem,
  LaneItem,
  SendBudgetItem,
  SubscriptionItem,
} from '../core/subscriptions/model.ts';
import type { PatternsItem } from '../core/patterns/items.ts';
import type { RollupItem } from '../core/rollups/rollup-item.ts';
import type { AuditItem } from '../core/audit/audit-item.ts';

/** `insert` adds items and can overwrite none. */
type Verb = 'get' | 'batchGet' | 'query' | 'scan' | 'insert' | 'put' | 'update' | 'delete';
/** An action on the table, or on one index of it: `query:byTenant`. */
export type TableAction = Verb | `${'query' | 'scan'}:${string}`;

/** A table together with the environment variable by which functions find it. */
export interface HoldfastTable {
  readonly table: ITable;
  readonly envName: EnvName;
  readonly indexArn: (indexName: string) => string;
}

type Key<Item> = keyof Item & string;
interface IndexProps<Item> {
  readonly name: string;
  /** @default - the table's own: a local index, which can be read strongly */
  readonly partitionKey?: Key<Item>;
  readonly sortKey?: Key<Item>;
  readonly projection: 'all' | 'keys';
}
export interface TableProps<Item> {
  readonly envName: EnvName;
  readonly partitionKey: Key<Item>;
  readonly sortKey?: Key<Item>;
  readonly indexes?: readonly IndexProps<Item>[];
  /** Attribute in Unix seconds after which DynamoDB may delete the item. @default - items stay */
  readonly timeToLive?: Key<Item>;
}

/** Keys that are numbers; every other key is text. */
const numericKeys = new Set<string>(['openSeq', 'dueAt', 'createdAt', 'changedAt', 'newsAt'] satisfies (
  Key<CommandItem> | Key<AlertItem> | Key<GatewayItem>
)[]);
const attribute = (name: string): Attribute => ({
  name,
  type: numericKeys.has(name) ? AttributeType.NUMBER : AttributeType.STRING,
});

/** A table whose keys are attributes of `Item`: pay per request, recoverable, encrypted, kept when its stack goes. */
export function createTable<Item>(scope: Construct, id: string, props: TableProps<Item>): HoldfastTable {
  const table = new Table(scope, id, {
    partitionKey: attribute(props.partitionKey),
    sortKey: props.sortKey ? attribute(props.sortKey) : undefined,
    billingMode: BillingMode.PAY_PER_REQUEST,
    encryption: TableEncryption.AWS_MANAGED,
    pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
    deletionProtection: true,
    removalPolicy: RemovalPolicy.RETAIN,
    timeToLiveAttribute: props.timeToLive,
  });
  for (const index of props.indexes ?? []) {
    const projectionType = index.projection === 'all' ? ProjectionType.ALL : ProjectionType.KEYS_ONLY;
    if (index.partitionKey)
      table.addGlobalSecondaryIndex({
        indexName: index.name,
        partitionKey: attribute(index.partitionKey),
        sortKey: index.sortKey ? attribute(index.sortKey) : undefined,
        projectionType,
      });
    else if (index.sortKey)
      table.addLocalSecondaryIndex({
        indexName: index.name,
        sortKey: attribute(index.sortKey),
        projectionType,
      });
  }
  return { table, envName: props.envName, indexArn: (name) => `${table.tableArn}/index/${name}` };
}

/** The home's tables; their items are described in core/model.ts and in the model.ts and settings.ts of its folders. */
export class HomeTables extends Construct {
  readonly gateways = createTable<GatewayItem>(this, 'Gateways', {
    envName: 'GATEWAYS_TABLE',
    partitionKey: 'gatewayId',
    indexes: [
      { name: 'byTenant', partitionKey: 'tenantId', sortKey: 'gatewayId', projection: 'keys' },
      { name: 'byNews', partitionKey: 'newsShard', sortKey: 'newsAt', projection: 'keys' },
    ],
  });
  readonly commands = createTable<CommandItem>(this, 'Commands', {
    envName: 'COMMANDS_TABLE',
    partitionKey: 'gatewayId',
    sortKey: 'commandId',
    indexes: [
      { name: 'open', sortKey: 'openSeq', projection: 'all' },
      { name: 'byTime', sortKey: 'createdAt', projection: 'all' },
      { name: 'openByShard', partitionKey: 'openShard', sortKey: 'dueAt', projection: 'keys' },
    ],
  });
  readonly configurations = createTable<ConfigurationItem>(this, 'Configurations', {
    envName: 'CONFIGURATIONS_TABLE',
    partitionKey: 'gatewayId',
  });
  readonly cells = createTable<CellsItem>(this, 'Cells', { envName: 'CELLS_TABLE', partitionKey: 'scope' });
  readonly bulkSends = createTable<BulkJobItem>(this, 'BulkSends', {
    envName: 'BULK_SENDS_TABLE',
    partitionKey: 'bulkId',
    indexes: [
      { name: 'open', partitionKey: 'openShard', sortKey: 'dueAt', projection: 'keys' },
      { name: 'byTenant', partitionKey: 'tenantId', sortKey: 'createdAt', projection: 'keys' },
    ],
  });
  readonly bulkTargets = createTable<BulkTargetItem>(this, 'BulkTargets', {
    envName: 'BULK_TARGETS_TABLE',
    partitionKey: 'bulkId',
    sortKey: 'gatewayId',
  });
  readonly status = createTable<StatusItem>(this, 'Status', {
    envName: 'STATUS_TABLE',
    partitionKey: 'gatewayId',
  });
  readonly inventory = createTable<InventoryItem>(this, 'Inventory', {
    envName: 'INVENTORY_TABLE',
    partitionKey: 'gatewayId',
  });
  readonly rollups = createTable<RollupItem>(this, 'Rollups', {
    envName: 'ROLLUPS_TABLE',
    partitionKey: 'gatewayId',
    sortKey: 'rollupKey',
    timeToLive: 'expiresAtSec',
  });
  readonly alerts = createTable<AlertItem>(this, 'Alerts', {
    envName: 'ALERTS_TABLE',
    partitionKey: 'alertKey',
    timeToLive: 'expiresAtSec',
    indexes: [
      { name: 'open', partitionKey: 'openShard', projection: 'all' },
      { name: 'byTenant', partitionKey: 'tenantId', sortKey: 'changedAt', projection: 'all' },
    ],
  });
  readonly conditionSettings = createTable<ConditionSettingsItem>(this, 'ConditionSettings', {
    envName: 'CONDITION_SETTINGS_TABLE',
    partitionKey: 'tenantId',
  });
  readonly patterns = createTable<{ itemKey: PatternsItem['itemKey']; expiresAtSec?: number }>(
    this,
    'Patterns',
    { envName: 'PATTERNS_TABLE', partitionKey: 'itemKey', timeToLive: 'expiresAtSec' },
  );
  readonly silences = createTable<SilenceItem>(this, 'Silences', {
    envName: 'SILENCES_TABLE',
    partitionKey: 'tenantId',
    sortKey: 'silenceId',
    timeToLive: 'expiresAtSec',
  });
  readonly activationCodes = createTable<ActivationCodeItem>(this, 'ActivationCodes', {
    envName: 'ACTIVATION_CODES_TABLE',
    partitionKey: 'codeHash',
  });
  readonly tokens = createTable<TokenItem>(this, 'Tokens', {
    envName: 'TOKENS_TABLE',
    partitionKey: 'tokenHash',
    indexes: [{ name: 'byTenant', partitionKey: 'tenantId', sortKey: 'tokenId', projection: 'all' }],
  });
  readonly subscriptions = createTable<SubscriptionItem>(this, 'Subscriptions', {
    envName: 'SUBSCRIPTIONS_TABLE',
    partitionKey: 'tenantId',
    sortKey: 'subscriptionId',
    indexes: [{ name: 'due', partitionKey: 'openShard', sortKey: 'dueAt', projection: 'keys' }],
  });
  readonly alertLanes = createTable<LaneItem>(this, 'AlertLanes', {
    envName: 'ALERT_LANES_TABLE',
    partitionKey: 'deliveryKey',
    sortKey: 'alertKey',
    indexes: [{ name: 'due', sortKey: 'dueAt', projection: 'all' }],
    timeToLive: 'expiresAtSec',
  });
  readonly deadLetters = createTable<DeadLetterItem>(this, 'DeadLetters', {
    envName: 'DEAD_LETTERS_TABLE',
    partitionKey: 'deliveryKey',
    sortKey: 'letterId',
    timeToLive: 'expiresAtSec',
  });
  readonly sendBudgets = createTable<SendBudgetItem>(this, 'SendBudgets', {
    envName: 'SEND_BUDGETS_TABLE',
    partitionKey: 'tenantId',
  });
  readonly audit = createTable<AuditItem>(this, 'Audit', {
    envName: 'AUDIT_TABLE',
    partitionKey: 'tenantId',
    sortKey: 'entryKey',
    indexes: [{ name: 'byGateway', partitionKey: 'gatewayKey', sortKey: 'entryKey', projection: 'all' }],
  });
}

/** A cell's own table: which connection of it reaches which gateway. */
export const createConnectionsTable = (scope: Construct): HoldfastTable =>
  createTable<HolderItem>(scope, 'Connections', {
    envName: 'CONNECTIONS_TABLE',
    partitionKey: 'gatewayId',
    timeToLive: 'expiresAtSec',
  });
