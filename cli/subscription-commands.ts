import type { Command } from 'commander';
import { HoldfastError } from '../core/errors.ts';
import { durationText, timeText } from '../core/readable.ts';
import type { SubscriptionView } from '../core/subscriptions/api.ts';
import { addressOf } from '../core/subscriptions/targets.ts';
import { shellWord } from '../core/typed.ts';
import { addDeadLetterCommands } from './dead-letter-commands.ts';
import { unknownTenantText } from './known-gateways.ts';
import { paragraph, table, toBeTyped } from './output.ts';
import { apiCommand, hiddenAlias, type CliDeps, type Session } from './program.ts';
import { askIntoNewFile } from './secret-file.ts';
import { addSubscribeCommand } from './subscribe-command.ts';
import { filterText, subscriptionText } from './subscription-text.ts';

/** Where alerts go: below `holdfast alerts`. */
export function addSubscriptionCommands(alerts: Command, deps: CliDeps): void {
  addSubscribeCommand(alerts, deps);
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
    'alerts rotate-secret hook --secret-out hook.secret',
  ]);
  rotate.requiredOption('--secret-out <file>', 'write the secret to this new file (mode 0600)');
  hiddenAlias(rotate, '--out', '--secret-out');
  rotate.run(async ({ api, show }, subscriptionId = '') => {
    const { secretOut } = rotate.opts<{ secretOut: string }>();
    const ask = () => api.call('rotateSecret', { params: { subscriptionId }, body: {} });
    const { subscription } = await askIntoNewFile(secretOut, ask, ({ secret }) => secret);
    show(
      { subscription, file: secretOut },
      () => `${subscriptionText(subscription)}\nsecret in ${secretOut}`,
    );
  });
  addDeleteSubscription(alerts, 'unsubscribe', deps, ['alerts unsubscribe main']);
  addDeadLetterCommands(alerts, deps);
}

export function addListSubscriptions(parent: Command, name: string, deps: CliDeps, examples: string[]): void {
  apiCommand(parent, name, 'list where a tenant’s alerts go, and how that is going', deps, examples).run(
    async (session) => {
      const {
        api,
        deps: { now },
        show,
        toType,
      } = session;
      const { subscriptions, namePrefix } = await api.call('listSubscriptions');
      const whose = subscriptions.length === 0 ? await unknownTenantText(session) : '';
      const rows = subscriptions.map((s) => [s.subscriptionId, s.kind, s.state, healthText(s, now())]);
      const details = subscriptions.map((s) =>
        [addressOf(s), filterText(s.filter)].filter(Boolean).join('; '),
      );
      show({ subscriptions, namePrefix }, () =>
        rows.length > 0
          ? [
              table(['SUBSCRIPTION', 'TARGET', 'STATE', 'HEALTH'], rows, details),
              ...marks(subscriptions, toType, now()),
            ].join('\n')
          : toBeTyped(
              `no subscriptions${whose}; to make one`,
              toType('holdfast admin subscribe --queue-name holdfast-alerts-main'),
            ),
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

/** What goes well is out within seconds; a message that is tried once more, within a minute. */
const longWaitMs = 5 * 60_000;

const isWaitingLong = ({ waiting }: SubscriptionView, now: number): boolean =>
  waiting !== undefined && now - waiting.since >= longWaitMs;

function healthText(subscription: SubscriptionView, now: number): string {
  const { state, failingSince, givenUpAt, deliveredAt } = subscription;
  if (state === 'pending') return '-';
  if (failingSince !== undefined) return 'failing';
  if (isWaitingLong(subscription, now)) return 'waiting';
  if (givenUpAt !== undefined) return 'dead letters';
  return deliveredAt === undefined ? 'no alert yet' : 'ok';
}

/** What somebody has to look at. */
function marks(subscriptions: readonly SubscriptionView[], toType: Session['toType'], now: number): string[] {
  return subscriptions.flatMap((subscription) => {
    const { subscriptionId, failingSince, lastError, givenUpAt, held } = subscription;
    const waits = waitingText(subscription, now);
    return [
      ...challengeMarks(subscription, toType),
      ...(failingSince === undefined
        ? []
        : [
            paragraph(
              [`failing since ${timeText(failingSince)}: ${lastError?.reason ?? ''}`, waits]
                .filter(Boolean)
                .join('; '),
              `${subscriptionId}: `,
            ),
          ]),
      ...(failingSince === undefined && isWaitingLong(subscription, now)
        ? [
            paragraph(
              [waits, lastError && `refused last: ${lastError.reason}`].filter(Boolean).join('; '),
              `${subscriptionId}: `,
            ),
          ]
        : []),
      ...(held ? [paragraph(heldText(held), `${subscriptionId}: `)] : []),
      ...(givenUpAt === undefined
        ? []
        : [
            toBeTyped(
              `${subscriptionId}: given up; to see what`,
              toType(`holdfast alerts dead-letters ${subscriptionId}`),
            ),
          ]),
    ];
  });
}

/** A target that waits for the echo of its challenge, or did not take it. */
function challengeMarks(subscription: SubscriptionView, toType: Session['toType']): string[] {
  const { subscriptionId, state, next } = subscription;
  const asked = next ?? (state === 'pending' ? subscription : undefined);
  const prefix = `${subscriptionId}: `;
  if (asked?.challengeError) {
    const { at, reason } = asked.challengeError;
    const which = next ? `another target, ${addressOf(next)},` : 'its target';
    return [
      paragraph(`${which} did not take its challenge at ${timeText(at)}: ${reason}`, prefix),
      toBeTyped(
        'once it takes messages, to have another sent',
        toType(`holdfast alerts subscribe ${subscriptionId} ${targetArgs(asked)}`),
      ),
    ];
  }
  if (!next) return [];
  return [
    paragraph(
      `another target waits for its challenge until ${timeText(next.expiresAt)}: ${addressOf(next)}`,
      prefix,
    ),
    toBeTyped(
      'what its challenge says has alerts go there',
      toType(`holdfast alerts confirm ${subscriptionId} --challenge TEXT`),
    ),
  ];
}

const targetFlags = { sqs: '--queue', sns: '--topic', webhook: '--webhook', eventbridge: '--bus' } as const;

/** As `alerts subscribe` takes it. */
function targetArgs(target: Parameters<typeof addressOf>[0]): string {
  const secret = target.kind === 'webhook' ? ' --secret-out FILE' : '';
  return `${targetFlags[target.kind]} ${shellWord(addressOf(target))}${secret}`;
}

function waitingText({ waiting }: SubscriptionView, now: number): string {
  if (!waiting) return '';
  const { eventCount, since, hasMore } = waiting;
  const count = `${eventCount}${hasMore ? ' events or more wait' : eventCount === 1 ? ' event waits' : ' events wait'}`;
  return `${count}, since ${timeText(since)} (${durationText(now - since)})`;
}

const heldText = ({ eventCount, until }: NonNullable<SubscriptionView['held']>): string =>
  `${eventCount} ${eventCount === 1 ? 'event is' : 'events are'} held until ${timeText(until)} at the latest, for what comes first: a digest, or earlier events of the same alert`;
