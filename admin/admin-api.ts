import type { z } from 'zod';
import type { AlertView, CommandView, requests } from '../core/api.ts';
import type { ConfigurationView } from '../core/configuration/configuration-view.ts';
import { HoldfastError, type ErrorCode } from '../core/errors.ts';
import type { GatewayView } from '../core/identity/gateway-view.ts';
import type { SubscriptionAnswers, SubscriptionView } from '../core/subscriptions/api.ts';

/** What the admin process asks of the HTTP API. Failures are HoldfastErrors with the API's own codes. */
export interface AdminApi {
  /** Every open alert of the tenant. */
  listOpenAlerts(): Promise<AlertView[]>;
  getAlert(alertKey: string): Promise<AlertView>;
  escalateAlert(alertKey: string, body: z.input<typeof requests.escalateAlert>): Promise<AlertView>;
  getGateway(gatewayId: string): Promise<GatewayView>;
  getConfiguration(gatewayId: string): Promise<ConfigurationView>;
  submitCommand(gatewayId: string, body: z.input<typeof requests.submitCommand>): Promise<CommandView>;
  getCommand(gatewayId: string, commandId: string): Promise<CommandView>;
  listSubscriptions(): Promise<SubscriptionAnswers['listSubscriptions']>;
  putSubscription(
    subscriptionId: string,
    body: z.input<typeof requests.putSubscription>,
  ): Promise<SubscriptionView>;
  confirmSubscription(subscriptionId: string, challenge: string): Promise<SubscriptionView>;
}

/** What asking again cannot change. Everything else (an outage, an expired token, a bug) is asked again. */
const definite: ReadonlySet<ErrorCode> = new Set([
  'INVALID_INPUT',
  'NOT_FOUND',
  'FORBIDDEN',
  'CONFLICT',
  'GONE',
  'TOO_LARGE',
  'BUSY',
  'WRONG_TARGET',
  'UNSUPPORTED',
  'OFFLINE',
]);
export const isDefinite = (thrown: unknown): thrown is HoldfastError =>
  thrown instanceof HoldfastError && definite.has(thrown.code);
