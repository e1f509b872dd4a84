import type { ApiRouteName, operatorRoutes } from '../api-routes.ts';
import type { Answers } from '../api.ts';
import { secretHash } from '../identity/secrets.ts';

/** What an entry says of a change beside who asked for it. */
export interface AuditedFacts {
  gatewayId?: string;
  subject?: Record<string, string>;
  details?: Record<string, unknown>;
}
interface AuditedRoute<Answer> {
  /** Stable: people search for it. */
  action: string;
  /** Fields of the request's body that go into the entry. @default none: a field may be a secret */
  body?: readonly string[];
  /** Facts that only the answer has. */
  answer?: (answer: Answer) => AuditedFacts;
}

const ofAlert = ({ alert: { gatewayId, conditionId, component } }: Answers['ackAlert']): AuditedFacts => ({
  gatewayId,
  details: { conditionId, component },
});

/**
 * Routes that change something at the wish of who calls them; the HTTP handler writes their entries. `submitCommand`
 * and `activate` write their own, since what they are about is known only inside.
 */
export const auditedRoutes: { readonly [Name in ApiRouteName]?: AuditedRoute<Answers[Name]> } = {
  createActivationCode: {
    action: 'activation-code.create',
    body: ['gatewayName', 'ttlMs', 'requireConfirmation'],
    answer: ({ code, expiresAt }) => ({ subject: { codeId: codeIdOf(code) }, details: { expiresAt } }),
  },
  renameGateway: { action: 'gateway.rename', body: ['name'] },
  labelGateway: { action: 'gateway.label', body: ['site', 'region', 'isp', 'rolloutWave'] },
  confirmGateway: { action: 'gateway.confirm' },
  revokeGateway: { action: 'gateway.revoke' },
  putConfiguration: {
    action: 'configuration.put',
    body: ['configuration', 'ifVersion'],
    answer: ({ configuration: { desired } }) => ({ details: { version: desired.version } }),
  },
  cancelCommand: {
    action: 'command.cancel',
    answer: ({ command }) => ({ details: { kind: command.kind, state: command.state } }),
  },
  // It changes nothing, but who holds the link may read the bundle.
  linkBundle: { action: 'bundle.link', answer: ({ expiresAt }) => ({ details: { expiresAt } }) },
  ackAlert: { action: 'alert.ack', body: ['why'], answer: ofAlert },
  unackAlert: { action: 'alert.unack', body: ['why'], answer: ofAlert },
  createSilence: {
    action: 'silence.create',
    body: ['gatewayId', 'conditionId', 'component', 'all', 'why', 'forMs'],
    answer: ({ silence: { silenceId, endsAt } }) => ({ subject: { silenceId }, details: { endsAt } }),
  },
  escalateAlert: {
    action: 'alert.escalate',
    body: ['episode', 'reason'],
    answer: ({ alert: { gatewayId, conditionId, component } }) => ({
      gatewayId,
      details: { conditionId, component },
    }),
  },
  putCondition: {
    action: 'condition.put',
    body: ['raiseAt', 'clearAt', 'forMs', 'severity', 'isOff', 'ifVersion'],
    answer: ({ version }) => ({ details: { version } }),
  },
  deleteCondition: { action: 'condition.reset', answer: ({ version }) => ({ details: { version } }) },
  endSilence: { action: 'silence.end', answer: ({ silence }) => ({ details: { why: silence.why } }) },
  putSubscription: {
    action: 'subscription.put',
    // Not a webhook's URL, which often holds a secret.
    body: ['kind', 'queueUrl', 'topicArn', 'busArn', 'filter'],
    answer: ({ subscription }) => ({ details: { state: subscription.state } }),
  },
  confirmSubscription: { action: 'subscription.confirm' },
  deleteSubscription: { action: 'subscription.delete' },
  testSubscription: {
    action: 'subscription.test',
    answer: ({ isTaken }) => ({ details: { isTaken } }),
  },
  rotateSecret: { action: 'subscription.rotate' },
  redeliver: {
    action: 'subscription.redeliver',
    answer: ({ redelivered }) => ({ details: { redelivered } }),
  },
  createToken: {
    action: 'token.create',
    body: ['role', 'description', 'ttlMs'],
    answer: ({ tokenId, expiresAt }) => ({ subject: { tokenId }, details: { expiresAt } }),
  },
  deleteToken: { action: 'token.delete' },
  createBulkSend: {
    action: 'bulk.send',
    body: ['kind', 'params', 'all', 'where', 'rate', 'concurrency', 'waves', 'abortAfter', 'whenOffline'],
    answer: ({ bulk }) => ({ subject: { bulkId: bulk.bulkId }, details: { select: bulk.select } }),
  },
  cancelBulkSend: { action: 'bulk.cancel', answer: ({ bulk }) => ({ details: { state: bulk.state } }) },
};
export const ownEntries = ['submitCommand', 'activate'] as const satisfies ApiRouteName[];
/** Are asked again and again by whoever looks, and change nothing that stays. */
export const unrecorded = ['watchGateway'] as const satisfies ApiRouteName[];

/** Changes to the fleet, which is no tenant's: on record under an id that no tenant can have. */
export const fleetScope = '*';
export const auditedFleetRoutes: { readonly [Name in keyof typeof operatorRoutes]?: AuditedRoute<object> } = {
  drainCell: { action: 'cell.drain', body: ['deadlineMs'] },
  undrainCell: { action: 'cell.undrain' },
};

/** Tells activation codes apart without giving them away: they have 128 random bits. */
export const codeIdOf = (code: string): string => secretHash(code).slice(0, 16);

/** What a request says of itself: ids from its path, and of its body what the route lists. */
export function askedFacts(
  route: Pick<AuditedRoute<never>, 'body'>,
  { gatewayId, tenantId: _tenant, ...ids }: Readonly<Record<string, string>>,
  body: unknown,
): AuditedFacts {
  const fields = Object.entries((body ?? {}) as object).filter(([name]) => route.body?.includes(name));
  return {
    gatewayId,
    subject: ids,
    ...(fields.length > 0 ? { details: Object.fromEntries(fields) as Record<string, unknown> } : {}),
  };
}
