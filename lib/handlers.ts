/** The functions' entry files, each of which exports `handler`. Bundled together, deployed one by one. */
export const handlerEntries = {
  HttpAuthorizer: 'lambda/api/authorizer.ts',
  Activation: 'lambda/api/activation.ts',
  Gateways: 'lambda/api/gateways.ts',
  Access: 'lambda/api/access.ts',
  Configuration: 'lambda/configuration/api.ts',
  Commands: 'lambda/commands/api.ts',
  Sweeper: 'lambda/commands/sweeper.ts',
  Deliver: 'lambda/commands/deliver.ts',
  CommandReports: 'lambda/commands/reports.ts',
  BundleLinks: 'lambda/diagnostics/api.ts',
  Alerts: 'lambda/alerts/api.ts',
  StatusProxy: 'lambda/alerts/status-proxy.ts',
  SubscriptionRouter: 'lambda/alerts/subscription-router.ts',
  WsAuthorizer: 'lambda/connections/authorizer.ts',
  Connect: 'lambda/connections/connect.ts',
  Disconnect: 'lambda/connections/disconnect.ts',
  Hello: 'lambda/connections/hello.ts',
  Credentials: 'lambda/connections/credentials.ts',
  Default: 'lambda/connections/default.ts',
  StatusIngest: 'lambda/status/ingest.ts',
} as const;
export type HandlerName = keyof typeof handlerEntries;
