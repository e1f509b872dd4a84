import type { CommandState, GatewayItem, Principal } from '../../core/model.ts';

export interface CellAddress {
  cellId: string;
  webSocketUrl: string;
}

/** What the load runs against; all of it in other processes. */
export interface LoadedServer {
  readonly cells: readonly CellAddress[];
  /** Puts activated gateways into the table. */
  register(gateways: readonly GatewayItem[]): Promise<void>;
  submit(gatewayId: string, idempotencyKey: string, echo: string): Promise<void>;
  state(gatewayId: string, commandId: string): Promise<CommandState>;
  /** Requests that were sent again because the API failed. */
  retries(): number;
  /** Of all processes, since they were started. */
  cpuSec(): number;
  /** Of the process that holds the connections, after a collection where it can be asked for one. */
  memory(): Promise<{ rssBytes: number; heapBytes?: number }>;
  stop(): Promise<void>;
}

/** Whose gateways and commands they are. */
export const tenant: { principal: Principal; tenantId: string } = {
  tenantId: 'load',
  principal: { kind: 'tenant', id: 'load', tenantId: 'load', role: 'tenant-admin' },
};
