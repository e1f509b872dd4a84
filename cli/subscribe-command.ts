import { Option, type Command } from 'commander';
import { HoldfastError } from '../core/errors.ts';
import { severities } from '../core/model.ts';
import type { SubscriptionView } from '../core/subscriptions/api.ts';
import { knownFilter, type SubscriptionFilter } from '../core/subscriptions/filter.ts';
import { addressOf, isSameTarget, targetOf, type Target } from '../core/subscriptions/targets.ts';
import { collect } from './command-commands.ts';
import { requireGateways } from './known-gateways.ts';
import { paragraph, toBeTyped } from './output.ts';
import { apiCommand, type CliDeps, type Session } from './program.ts';
import { wholeGatewayIds } from './whole-id.ts';
import { askIntoNewFile, requireNewFile } from './secret-file.ts';
import { filterText, subscriptionText } from './subscription-text.ts';

interface SubscribeFlags {
  queue?: string;
  topic?: string;
  webhook?: string;
  bus?: string;
  secretOut?: string;
  severity: SubscriptionFilter['severities'] & string[];
  condition: string[];
  gateway: string[];
  /** False with `--no-filter`. */
  filter: boolean;
}

export function addSubscribeCommand(alerts: Command, deps: CliDeps): void {
  const subscribe = apiCommand(
    alerts,
    'subscribe <subscription>',
    'have alerts sent to a queue, topic, webhook or event bus; again: with another filter or target',
    deps,
    [
      'alerts subscribe main --queue $QUEUE_URL',
      'alerts subscribe hook --webhook https://ops.example.com/holdfast --secret-out hook.secret',
      'alerts subscribe hook --severity critical    # it is there: another filter alone',
      'alerts subscribe pager --topic arn:aws:sns:eu-north-1:123456789012:holdfast-alerts-acme_pager --severity critical',
    ],
  );
  subscribe
    .option('--queue <url>', 'an SQS queue')
    .option('--topic <arn>', 'an SNS topic')
    .option('--webhook <url>', 'an https URL')
    .option('--bus <arn>', 'an EventBridge bus of your own')
    .option('--secret-out <file>', 'write what signs a new webhook’s messages to this new file (mode 0600)')
    .addOption(
      new Option('--severity <severity>', 'alerts of this severity alone; repeat it for more')
        .choices(severities)
        .argParser(collect)
        .default([]),
    )
    .option('--condition <id>', 'alerts of this condition alone; repeat it for more', collect, [])
    .option('--gateway <id>', 'alerts of this gateway alone; repeat it for more', collect, [])
    .option('--no-filter', 'all alerts, but for what is named beside it; without it, what is not named stays')
    .run((session, subscriptionId = '') =>
      putSubscription(session, subscriptionId, subscribe.opts<SubscribeFlags>()),
    );
}

async function putSubscription(
  session: Session,
  subscriptionId: string,
  typedFlags: SubscribeFlags,
): Promise<void> {
  const { api, show, toType } = session;
  const flags = { ...typedFlags, gateway: await wholeGatewayIds(session, typedFlags.gateway) };
  const given = givenTarget(flags);
  if (!given && !namesFilter(flags)) throw noTarget();
  await requireGateways(api, flags.gateway);
  const { subscriptions } = await api.call('listSubscriptions');
  const known = subscriptions.find((each) => each.subscriptionId === subscriptionId);
  const target = given ?? targetInUse(known);
  requireSigned(target, flags);
  const keepsTarget = known?.state === 'confirmed' && isSameTarget(known, target);
  if (!given && known?.state === 'pending' && target.kind === 'webhook' && flags.secretOut === undefined)
    throw notConfirmed(known);
  const secretFile = keepsTarget ? undefined : secretFileOf(target, flags);
  const { filter, kept } = filterOf(flags, known && knownFilter(known, target));
  const body = { ...target, ...(filter ? { filter } : {}) };
  const { subscription, secret } = await api.call('putSubscription', { params: { subscriptionId }, body });
  const file = secret === undefined ? undefined : secretFile;
  if (secret !== undefined && file !== undefined)
    await askIntoNewFile(
      file,
      () => Promise.resolve(secret),
      (text) => text,
    );
  const rotate = () => toType(`holdfast alerts rotate-secret ${subscriptionId} --secret-out FILE`);
  show({ subscription, ...(file ? { file } : {}) }, () =>
    [
      subscriptionText(subscription),
      ...(kept
        ? [paragraph(`${filterText(kept)} as before; --no-filter drops what is not named`, 'kept: ')]
        : []),
      ...(file ? [`secret in ${file}`] : []),
      ...(keepsTarget && flags.secretOut !== undefined
        ? [toBeTyped('its secret stays as it is; to have another', rotate())]
        : []),
      // Somebody deleted it, or changed its target, in the same moment.
      ...(secret !== undefined && file === undefined
        ? [toBeTyped('it has a new secret that nobody has; to have another', rotate())]
        : []),
      ...(subscription.state === 'pending' || subscription.next
        ? [
            toBeTyped(
              'a challenge was sent to it; what it says confirms it',
              toType(`holdfast alerts confirm ${subscriptionId} --challenge TEXT`),
            ),
          ]
        : []),
    ].join('\n'),
  );
}

/** One target at most. Throws USAGE. */
function givenTarget({ queue, topic, webhook, bus }: SubscribeFlags): Target | undefined {
  const given: Target[] = [
    ...(queue === undefined ? [] : [{ kind: 'sqs' as const, queueUrl: queue }]),
    ...(topic === undefined ? [] : [{ kind: 'sns' as const, topicArn: topic }]),
    ...(webhook === undefined ? [] : [{ kind: 'webhook' as const, url: webhook }]),
    ...(bus === undefined ? [] : [{ kind: 'eventbridge' as const, busArn: bus }]),
  ];
  if (given.length > 1)
    throw new HoldfastError('USAGE', 'more than one target is given', { hint: oneTarget });
  return given[0];
}
const oneTarget = 'write one of --queue, --topic, --webhook and --bus';
const noTarget = () => new HoldfastError('USAGE', 'no target is given', { hint: oneTarget });

const namesFilter = ({ severity, condition, gateway, filter }: SubscribeFlags): boolean =>
  !filter || [severity, condition, gateway].some(({ length }) => length > 0);

/**
 * Whose filter is meant where no target is named. To put the one in use takes another back that is to follow it: that is
 * done by name alone. Throws USAGE.
 */
function targetInUse(known: SubscriptionView | undefined): Target {
  if (!known) throw noTarget();
  const { next } = known;
  if (!next) return targetOf(known);
  throw new HoldfastError(
    'USAGE',
    `${known.subscriptionId} has two targets, of which one is to follow the other`,
    {
      hint: `name the target whose filter is meant: ${addressOf(next)}, or the one in use, which takes the other back`,
    },
  );
}

/** Whatever is put now sends it another challenge, with another secret. */
const notConfirmed = ({ subscriptionId }: SubscriptionView): HoldfastError =>
  new HoldfastError('USAGE', `${subscriptionId} is not confirmed yet, so it has nothing to filter`, {
    hint: 'confirm it first; or name the filter together with --webhook and --secret-out, which sends another challenge',
  });

function requireSigned({ kind }: Target, { secretOut }: SubscribeFlags): void {
  if (kind !== 'webhook' && secretOut !== undefined)
    throw new HoldfastError('USAGE', '--secret-out is for webhooks', { hint: signedOnly });
}
const signedOnly = 'a webhook’s messages are signed with a secret that is shown once';

/** Where a new target's secret is to go. Throws USAGE, and what the file is wrong for. */
function secretFileOf({ kind }: Target, { secretOut }: SubscribeFlags): string | undefined {
  if (kind === 'webhook' && secretOut === undefined)
    throw new HoldfastError('USAGE', '--webhook needs --secret-out', { hint: signedOnly });
  if (secretOut !== undefined) requireNewFile(secretOut);
  return secretOut;
}

/** What is named stands in the place of what was there; the rest is kept, unless it is dropped. */
function filterOf(
  { severity, condition, gateway, filter: keepsFilter }: SubscribeFlags,
  before: SubscriptionView['filter'],
): { filter: SubscriptionFilter | undefined; kept: SubscriptionFilter | undefined } {
  const named: SubscriptionFilter = {
    ...(severity.length > 0 ? { severities: severity } : {}),
    ...(condition.length > 0 ? { conditionIds: condition } : {}),
    ...(gateway.length > 0 ? { gatewayIds: gateway } : {}),
  };
  const rest = Object.entries(keepsFilter ? (before ?? {}) : {}).filter(([list]) => !(list in named));
  const kept: SubscriptionFilter = Object.fromEntries(rest);
  const orNone = (filter: SubscriptionFilter) => (Object.keys(filter).length > 0 ? filter : undefined);
  return { filter: orNone({ ...kept, ...named }), kept: orNone(kept) };
}
