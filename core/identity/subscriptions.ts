import { HoldfastError } from '../errors.ts';

/** Only queues whose name begins so take alerts: it keeps a subscription from reaching any other queue. */
export const subscriberQueuePrefix = 'holdfast-alerts-';

const awsHost = /^sqs\.([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws\.com(?:\.cn)?$/;
const path = /^\/\d{12}\/([A-Za-z0-9_-]{1,75}(?:\.fifo)?)$/;

/**
 * What a tenant gave as its queue. It must be SQS itself (or, on one machine, the one SQS that is there), because
 * signed requests go to the URL's host. Throws INVALID_INPUT that says what is wrong with it.
 */
export function parseQueueUrl(
  queueUrl: string,
  localOrigin: string | undefined,
): { name: string; region: string | undefined } {
  const fail = (reason: string, hint: string) =>
    new HoldfastError('INVALID_INPUT', `queueUrl: ${reason}`, { hint });
  if (!URL.canParse(queueUrl)) throw fail('it is not a URL', 'give the QueueUrl that SQS shows');
  const url = new URL(queueUrl);
  const region = url.protocol === 'https:' && url.port === '' ? awsHost.exec(url.hostname)?.[1] : undefined;
  const isLocal = localOrigin !== undefined && url.origin === localOrigin;
  const isPlain = url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if ((!region && !isLocal) || !isPlain)
    throw fail('it is not a queue of SQS', 'https://sqs.<region>.amazonaws.com/<account>/<queue>');
  const name = path.exec(url.pathname)?.[1];
  if (!name) throw fail('its path is not /<account>/<queue>', 'give the QueueUrl that SQS shows');
  if (name.endsWith('.fifo'))
    throw fail(`${name} is a FIFO queue`, 'alerts need a standard queue; eventId tells repeats apart');
  if (!name.startsWith(subscriberQueuePrefix))
    throw fail(
      `the name ${name} does not begin with ${subscriberQueuePrefix}`,
      'make a queue for alerts alone',
    );
  return { name, region };
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
