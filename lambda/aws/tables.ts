import type {
  ActivationCodeItem,
  AlertItem,
  CommandItem,
  GatewayItem,
  HolderItem,
  InventoryItem,
  StatusItem,
  SubscriptionItem,
  TokenItem,
} from '../../core/model.ts';
import { Table } from './table.ts';

/** The tables of core/model.ts by the names that the environment gives them. */
export const gatewaysTable = (name: string) => new Table<GatewayItem, 'gatewayId'>(name, ['gatewayId']);
export const connectionsTable = (name: string) => new Table<HolderItem, 'gatewayId'>(name, ['gatewayId']);
export const statusTable = (name: string) => new Table<StatusItem, 'gatewayId'>(name, ['gatewayId']);
export const inventoryTable = (name: string) => new Table<InventoryItem, 'gatewayId'>(name, ['gatewayId']);
export const alertsTable = (name: string) => new Table<AlertItem, 'alertKey'>(name, ['alertKey']);
export const commandsTable = (name: string) =>
  new Table<CommandItem, 'gatewayId' | 'commandId'>(name, ['gatewayId', 'commandId']);
export const activationCodesTable = (name: string) =>
  new Table<ActivationCodeItem, 'codeHash'>(name, ['codeHash']);
export const tokensTable = (name: string) => new Table<TokenItem, 'tokenHash'>(name, ['tokenHash']);
export const subscriptionsTable = (name: string) =>
  new Table<SubscriptionItem, 'tenantId' | 'subscriptionId'>(name, ['tenantId', 'subscriptionId']);
