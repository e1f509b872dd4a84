import { z } from 'zod';
import { fleetScope } from '../audit/actions.ts';
import { HoldfastError } from '../errors.ts';
import { isLoopback } from '../loopback.ts';
import { printableLine } from '../printable.ts';

export const targetKinds = ['sqs', 'sns', 'webhook', 'eventbridge'] as const;
export type TargetKind = (typeof targetKinds)[number];

/** The field of a target's kind. */
export interface TargetAddress {
  queueUrl?: string;
  topicArn?: string;
  url?: string;
  busArn?: string;
}
const address = z.string().min(1).max(1_024);
export const targetSchemas = {
  sqs: z.strictObject({ kind: z.literal('sqs'), queueUrl: address }),
  sns: z.strictObject({ kind: z.literal('sns'), topicArn: address }),
  webhook: z.strictObject({ kind: z.literal('webhook'), url: address }),
  eventbridge: z.strictObject({ kind: z.literal('eventbridge'), busArn: address }),
} as const;
export type Target = { [Kind in TargetKind]: z.infer<(typeof targetSchemas)[Kind]> }[TargetKind];

export const addressFields = {
  sqs: 'queueUrl',
  sns: 'topicArn',
  webhook: 'url',
  eventbridge: 'busArn',
} as const satisfies Record<TargetKind, keyof TargetAddress>;

/** What names the target: a URL or an ARN. */
export const addressOf = (target: TargetAddress & { kind: TargetKind }): string =>
  target[addressFields[target.kind]] ?? '';

type Named = TargetAddress & { kind: TargetKind };
export const isSameTarget = (a: Named, b: Named): boolean =>
  a.kind === b.kind && addressOf(a) === addressOf(b);

/** The target alone, of what has one. */
export const targetOf = (named: Named): Target =>
  ({ kind: named.kind, [addressFields[named.kind]]: addressOf(named) }) as Target;

/** For logs and errors: never a webhook's path or query, which often hold a secret. */
export const shownTarget = (target: TargetAddress & { kind: TargetKind }): string =>
  target.kind === 'webhook'
    ? `the webhook at ${URL.parse(addressOf(target))?.host ?? '?'}`
    : `${targetWords[target.kind]} ${printableLine(addressOf(target))}`;
const targetWords = { sqs: 'the queue', sns: 'the topic', eventbridge: 'the event bus' } as const;

/** Only what is named so takes alerts: it keeps a subscription from reaching anything else of an account. */
export const targetNamePrefix = 'holdfast-alerts-';
/**
 * A tenant's queues, topics and buses are named `holdfast-alerts-TENANT`, alone or followed by `_` and anything. No
 * tenant's id has a `_`, so that no name is two tenants'. The provider's own are named `_fleet` in a tenant's place.
 */
export const namePrefixOf = (tenantId: string): string =>
  `${targetNamePrefix}${tenantId === fleetScope ? '_fleet' : tenantId}`;

/** What differs where the control plane runs on one machine. */
export interface LocalTargets {
  /** Where the machine's own AWS services answer; undefined: it runs on AWS. */
  readonly servicesOrigin?: string;
  /** Webhooks on this machine over plain http. Only ever together with `servicesOrigin`. */
  readonly allowsLoopback?: boolean;
}
export interface ParsedTarget {
  /** Undefined for a webhook, and for a queue of one machine. */
  readonly region?: string;
}

/**
 * What a tenant gave as its target: signed requests go to the host of a queue's URL, so it must be SQS itself, and what
 * is named must be the tenant's own. Throws INVALID_INPUT that says what is wrong with it.
 */
export function parseTarget(
  target: TargetAddress & { kind: TargetKind },
  tenantId: string,
  local: LocalTargets = {},
): ParsedTarget {
  if (target.kind === 'webhook') {
    parseWebhookUrl(addressOf(target), local);
    return {};
  }
  const { name, region } =
    target.kind === 'sqs'
      ? queueOf(addressOf(target), local)
      : arnParts(addressOf(target), target.kind === 'sns' ? topicForm : busForm);
  const own = namePrefixOf(tenantId);
  if (name.replace(/\.fifo$/, '') !== own && !name.startsWith(`${own}_`))
    throw invalid(
      addressFields[target.kind],
      `the name ${name} is not ${own} and does not begin with ${own}_`,
      'each tenant has names of its own, so that nobody’s alerts reach another’s',
    );
  return { region };
}

const invalid = (field: string, reason: string, hint: string) =>
  new HoldfastError('INVALID_INPUT', `${field}: ${reason}`, { hint });

const queueHost = /^sqs\.([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com(?:\.cn)?$/;
const queuePath = /^\/\d{12}\/([A-Za-z0-9_-]{1,75}(?:\.fifo)?)$/;

function queueOf(
  queueUrl: string,
  { servicesOrigin }: LocalTargets,
): { name: string; region: string | undefined } {
  const fail = (reason: string) => invalid('queueUrl', reason, 'give the QueueUrl that SQS shows');
  const url = URL.parse(queueUrl);
  if (!url) throw fail('it is not a URL');
  const region = url.protocol === 'https:' && url.port === '' ? queueHost.exec(url.hostname)?.[1] : undefined;
  const isLocal = servicesOrigin !== undefined && url.origin === servicesOrigin;
  const isPlain = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if ((!region && !isLocal) || !isPlain)
    throw fail('it is not https://sqs.<region>.amazonaws.com/<account>/<queue>');
  const name = queuePath.exec(url.pathname)?.[1];
  if (!name) throw fail('its path is not /<account>/<queue>');
  return { name, region };
}

const topicForm = {
  field: 'topicArn',
  form: /^arn:aws(?:-[a-z]+)*:sns:([a-z]{2}(?:-[a-z]+)+-\d):\d{12}:([A-Za-z0-9_-]{1,251}(?:\.fifo)?)$/,
  shown: 'arn:aws:sns:<region>:<account>:<topic>',
} as const;
const busForm = {
  field: 'busArn',
  form: /^arn:aws(?:-[a-z]+)*:events:([a-z]{2}(?:-[a-z]+)+-\d):\d{12}:event-bus\/([A-Za-z0-9._-]{1,256})$/,
  shown: 'arn:aws:events:<region>:<account>:event-bus/<name>',
} as const;

function arnParts(arn: string, { field, form, shown }: typeof topicForm | typeof busForm) {
  const [, region, name] = form.exec(arn) ?? [];
  if (region === undefined || name === undefined)
    throw invalid(field, `it is not ${shown}`, 'give the whole ARN');
  return { name, region };
}

/** https, to a host that is public: what the name leads to is checked again with each connection. */
export function parseWebhookUrl(text: string, { servicesOrigin, allowsLoopback }: LocalTargets = {}): URL {
  const fail = (reason: string, hint = 'give a URL like https://alerts.example.com/holdfast') =>
    invalid('url', reason, hint);
  const url = URL.parse(text);
  if (!url) throw fail('it is not a URL');
  const isOfThisMachine = servicesOrigin !== undefined && allowsLoopback && isLoopback(url.hostname);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isOfThisMachine))
    throw fail('it is not https', 'alerts name gateways and volumes, and are sent over TLS alone');
  if (url.username !== '' || url.password !== '')
    throw fail('it holds a user name or password', 'what is sent is signed: check the signature instead');
  if (url.hash !== '') throw fail('it has a fragment', 'leave away what follows the #');
  return url;
}

/** Each alert is sent once to each of them. */
export const subscriptionCountMax = 10;

/** A subscription's name, chosen by the tenant. Throws INVALID_INPUT. */
export function requireSubscriptionId(given: string | undefined): string {
  if (given && /^[a-z0-9][a-z0-9-]{0,39}$/.test(given)) return given;
  throw new HoldfastError('INVALID_INPUT', `"${given}" is no name for a subscription`, {
    hint: 'a-z, 0-9 and -, at most 40 characters',
  });
}
