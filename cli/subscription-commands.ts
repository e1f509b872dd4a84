import { Option, type Command } from 'commander';
import { HoldfastError } from '../core/errors.ts';
import { severities } from '../core/model.ts';
import { timeText } from '../core/readable.ts';
import type { SubscriptionView } from '../core/subscriptions/api.ts';
import type { SubscriptionFilter } from '../core/subscriptions/filter.ts';
import { addressOf, type Target } from '../core/subscriptions/targets.ts';
import { collect } from './command-commands.ts';
import { addDeadLetterCommands } from './dead-letter-commands.ts';
import { requireGateways } from './known-gateways.ts';
import { fields, paragraph, table, toBeTyped } from './output.ts';
import { apiCommand, type CliDeps, type Session } from './program.ts';
import { askIntoNewFile, requireNewFile } from './secret-file.ts';

interface SubscribeFlags {
  queue?: string;
  topic?: string;
  webhook?: string;
  bus?: string;
  secretOut?: string;
  severity: SubscriptionFilter['severities'] & string[];
  condition: string[];
  gateway: string[];
}

/** Where alerts go: below `holdfast alerts`. */
export function addSubscriptionCommands(alerts: Command, deps: CliDeps): void {
  addSubscribe(alerts, deps);
  addListSubscriptions(alerts, 'subscriptions', deps, [
    'alerts subscriptions',
    'alerts subscriptions --json',
  ]);
  const confirm = apiCommand(
    alerts,
    'confirm <subscription>',
    'echo the challenge that its target got',
    deps,
    ['alerts confirm main --challenge hfc_19ab…'],
  );
  confirm
    .requiredOption('--challenge <text>', 'what the challenge message says')
    .run(async ({ api, show }, subscriptionId = '') => {
      const { challenge } = confirm.opts<{ challenge: string }>();
      const { subscription } = await api.call('confirmSubscription', {
        params: { subscriptionId },
        body: { challenge },
      });
      show({ subscription }, () => subscriptionText(subscription));
    });
  apiCommand(
    alerts,
    'test <subscription>',
    'send a test message, and see what comes of it; HEALTH in `subscriptions` is of alerts alone',
    deps,
    ['alerts test main'],
  ).run(async ({ api, show }, subscriptionId = '') => {
    const sent = await api.call('testSubscription', { params: { subscriptionId }, body: {} });
    if (!sent.isTaken)
      throw new HoldfastError('UNAVAILABLE', `the test was not taken: ${sent.reason}`, {
        hint: 'alerts that come now wait and are tried again',
      });
    show(sent, () =>
      paragraph(
        `the test was taken after ${sent.durationMs} ms; it is no alert, so HEALTH in \`alerts subscriptions\` stays as it is`,
        '',
      ),
    );
  });
  const rotate = apiCommand(alerts, 'rotate-secret <subscription>', 'give a webhook a new secret', deps, [
    'alerts rotate-secret hook --out hook.secret',
  ]);
  rotate
    .requiredOption('--out <file>', 'write the secret to this new file (mode 0600)')
    .run(async ({ api, show }, subscriptionId = '') => {
      const { out } = rotate.opts<{ out: string }>();
      const ask = () => api.call('rotateSecret', { params: { subscriptionId }, body: {} });
      const { subscription } = await askIntoNewFile(out, ask, ({ secret }) => secret);
      show({ subscription, file: out }, () => `${subscriptionText(subscription)}\nsecret in ${out}`);
    });
  addDeleteSubscription(alerts, 'unsubscribe', deps, ['alerts unsubscribe main']);
  addDeadLetterCommands(alerts, deps);
}

function addSubscribe(alerts: Command, deps: CliDeps): void {
  const subscribe = apiCommand(
    alerts,
    'subscribe <subscription>',
    'have alerts sent to a queue, topic, webhook or event bus',
    deps,
    [
      'alerts subscribe main --queue $QUEUE_URL',
      'alerts subscribe hook --webhook https://ops.example.com/holdfast --secret-out hook.secret',
      'alerts subscribe pager --topic arn:aws:sns:eu-north-1:123456789012:holdfast-alerts-acme_pager --severity critical',
    ],
  );
  subscribe
    .option('--queue <url>', 'an SQS queue')
    .option('--topic <arn>', 'an SNS topic')
    .option('--webhook <url>', 'an https URL')
    .option('--bus <arn>', 'an EventBridge bus of your own')
    .option('--secret-out <file>', 'write what signs a webhook’s messages to this new file (mode 0600)')
    .addOption(
      new Option('--severity <severity>', 'alerts of this severity alone; repeat it for more')
        .choices(severities)
        .argParser(collect)
        .default([]),
    )
    .option('--condition <id>', 'alerts of this condition alone; repeat it for more', collect, [])
    .option('--gateway <id>', 'alerts of this gateway alone; repeat it for more', collect, [])
    .run(async ({ api, show, toType }, subscriptionId = '') => {
      const flags = subscribe.opts<SubscribeFlags>();
      const body = { ...targetOf(flags), ...filterOf(flags) };
      if (flags.secretOut !== undefined) requireNewFile(flags.secretOut);
      await requireGateways(api, flags.gateway);
      const put = () => api.call('putSubscription', { params: { subscriptionId }, body });
      const { subscription, secret } = await put();
      const file = secret !== undefined ? flags.secretOut : undefined;
      if (secret !== undefined && file !== undefined)
        await askIntoNewFile(
          file,
          () => Promise.resolve(secret),
          (text) => text,
        );
      show({ subscription, ...(file ? { file } : {}) }, () =>
        [
          subscriptionText(subscription),
          ...(file ? [`secret in ${file}`] : []),
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
    });
}

/** Exactly one target. Throws USAGE. */
function targetOf({ queue, topic, webhook, bus, secretOut }: SubscribeFlags): Target {
  const given: Target[] = [
    ...(queue === undefined ? [] : [{ kind: 'sqs' as const, queueUrl: queue }]),
    ...(topic === undefined ? [] : [{ kind: 'sns' as const, topicArn: topic }]),
    ...(webhook === undefined ? [] : [{ kind: 'webhook' as const, url: webhook }]),
    ...(bus === undefined ? [] : [{ kind: 'eventbridge' as const, busArn: bus }]),
  ];
  const [target] = given;
  if (!target || given.length > 1)
    throw new HoldfastError(
      'USAGE',
      `${given.length === 0 ? 'no target is' : 'more than one target is'} given`,
      {
        hint: 'write one of --queue, --topic, --webhook and --bus',
      },
    );
  if ((target.kind === 'webhook') !== (secretOut !== undefined))
    throw new HoldfastError(
      'USAGE',
      target.kind === 'webhook' ? '--webhook needs --secret-out' : '--secret-out is for webhooks',
      { hint: 'a webhook’s messages are signed with a secret that is shown once' },
    );
  return target;
}

function filterOf({ severity, condition, gateway }: SubscribeFlags): { filter?: SubscriptionFilter } {
  const filter: SubscriptionFilter = {
    ...(severity.length > 0 ? { severities: severity } : {}),
    ...(condition.length > 0 ? { conditionIds: condition } : {}),
    ...(gateway.length > 0 ? { gatewayIds: gateway } : {}),
  };
  return Object.keys(filter).length > 0 ? { filter } : {};
}

export function addListSubscriptions(parent: Command, name: string, deps: CliDeps, examples: string[]): void {
  apiCommand(parent, name, 'list where a tenant’s alerts go, and how that is going', deps, examples).run(
    async ({ api, show, toType }) => {
      const { subscriptions, namePrefix } = await api.call('listSubscriptions');
      const rows = subscriptions.map((s) => [s.subscriptionId, s.kind, s.state, healthText(s)]);
      const details = subscriptions.map((s) =>
        [addressOf(s), filterText(s.filter)].filter(Boolean).join('; '),
      );
      show({ subscriptions, namePrefix }, () =>
        rows.length > 0
          ? [
              table(['SUBSCRIPTION', 'TARGET', 'STATE', 'HEALTH'], rows, details),
              ...marks(subscriptions, toType),
            ].join('\n')
          : `no subscriptions; \`${toType('holdfast admin subscribe --queue-name holdfast-alerts-main')}\` makes one`,
      );
    },
  );
}

export function addDeleteSubscription(
  parent: Command,
  name: string,
  deps: CliDeps,
  examples: string[],
): void {
  apiCommand(
    parent,
    `${name} <subscription>`,
    'end a subscription; what waits for it is dropped',
    deps,
    examples,
  ).run(async ({ api, show }, subscriptionId = '') => {
    await api.call('deleteSubscription', { params: { subscriptionId } });
    show({ deleted: subscriptionId }, () => `${subscriptionId} is deleted`);
  });
}

const subscriptionText = (s: SubscriptionView): string =>
  fields(
    {
      subscription: s.subscriptionId,
      target: addressOf(s),
      state: s.state,
      only: filterText(s.filter) || undefined,
      next: s.next && addressOf(s.next),
    },
    { wraps: true },
  );

const filterText = (filter: SubscriptionFilter | undefined): string =>
  Object.values(filter ?? {})
    .map((list) => list.join(', '))
    .join('; ');

function healthText({ state, failingSince, givenUpAt, deliveredAt }: SubscriptionView): string {
  if (state === 'pending') return '-';
  if (failingSince !== undefined) return 'failing';
  if (givenUpAt !== undefined) return 'dead letters';
  return deliveredAt === undefined ? 'no alert yet' : 'ok';
}

/** What somebody has to look at. */
function marks(subscriptions: readonly SubscriptionView[], toType: Session['toType']): string[] {
  return subscriptions.flatMap(({ subscriptionId, failingSince, lastError, givenUpAt, next }) => [
    ...(next === undefined
      ? []
      : [
          paragraph(
            `another target waits for its challenge until ${timeText(next.expiresAt)}: ${addressOf(next)}`,
            `${subscriptionId}: `,
          ),
          `\`${toType(`holdfast alerts confirm ${subscriptionId} --challenge TEXT`)}\` has alerts go there`,
        ]),
    ...(failingSince === undefined
      ? []
      : [
          paragraph(
            `failing since ${timeText(failingSince)}: ${lastError?.reason ?? ''}`,
            `${subscriptionId}: `,
          ),
        ]),
    ...(givenUpAt === undefined
      ? []
      : [`${subscriptionId}: given up; \`${toType(`holdfast alerts dead-letters ${subscriptionId}`)}\``]),
  ]);
}
