import { requireAlertName } from '../../core/alerts/alert-names.ts';
import { HoldfastError } from '../../core/errors.ts';
import { newChallenge, secretHash, type RandomBytes } from '../../core/identity/secrets.ts';
import { subscriptionView, type SubscriptionAnswers } from '../../core/subscriptions/api.ts';
import type { NextTarget, SendBudgetItem, SubscriptionItem } from '../../core/subscriptions/model.ts';
import { waitingIn } from '../../core/subscriptions/lane.ts';
import {
  challengeFailed,
  confirm,
  deliveryKeyOf,
  follow,
  nextTargetMs,
  spend,
} from '../../core/subscriptions/rules.ts';
import {
  isSameTarget,
  namePrefixOf,
  parseTarget,
  requireSubscriptionId,
  shownTarget,
  subscriptionCountMax,
  type LocalTargets,
} from '../../core/subscriptions/targets.ts';
import { newWebhookSecret, rotated } from '../../core/subscriptions/webhook-signature.ts';
import { typed } from '../../core/typed.ts';
import type { ApiRequest } from '../aws/http-handler.ts';
import type { Table } from '../aws/table.ts';
import type { subscriptionsTable } from '../aws/tables.ts';
import { guarded } from '../commands/guarded.ts';
import type { Clock } from '../commands/ports.ts';
import { dynamoSubscriptions } from './dynamo-stores.ts';
import { startTurn, type EnlistDeps } from './enlist-event.ts';
import type { LaneStore, SubscriptionKey } from './ports.ts';
import type { Seal } from './sealing.ts';
import { sentSchema, type Sent } from './send-now.ts';

export interface ManageDeps {
  readonly subscriptionItems: ReturnType<typeof subscriptionsTable>;
  readonly lanes: Pick<LaneStore, 'list'>;
  readonly budgets: Table<SendBudgetItem, 'tenantId'>;
  /** Calls the function that sends, and waits for its answer. */
  readonly askDelivery: (request: object) => Promise<unknown>;
  readonly local: LocalTargets;
  readonly seal: Seal;
  readonly random: RandomBytes;
  readonly clock: Clock;
  readonly start: EnlistDeps['start'];
}

/** Of a subscription for which thousands wait nobody needs the exact number. */
const lanesShownMax = 20;

/** Lanes are looked at only where something may be in them. */
export async function listSubscriptions(
  { subscriptionItems, lanes, clock }: ManageDeps,
  { tenantId }: ApiRequest<'listSubscriptions'>,
): Promise<SubscriptionAnswers['listSubscriptions']> {
  const items = await dynamoSubscriptions(subscriptionItems).ofTenant(tenantId);
  const now = clock.now();
  const subscriptions = items.map(async (item) => {
    const found = item.openShard === undefined ? [] : await lanes.list(deliveryKeyOf(item), lanesShownMax);
    return { ...subscriptionView(item, now), ...waitingIn(found, { lanesMax: lanesShownMax, now }) };
  });
  return {
    subscriptions: await Promise.all(subscriptions),
    namePrefix: namePrefixOf(tenantId),
  };
}

/**
 * Names a target for the tenant's alerts. No alert goes there before the tenant has echoed the challenge that this sends
 * to it. Of a target that is confirmed it changes the filter alone; another one follows it once its own challenge is
 * echoed, and until then alerts go where they went.
 */
export async function putSubscription(
  deps: ManageDeps,
  { tenantId, params, body, log }: ApiRequest<'putSubscription'>,
): Promise<SubscriptionAnswers['putSubscription']> {
  const subscriptionId = requireSubscriptionId(params['subscriptionId']);
  parseTarget(body, tenantId, deps.local);
  for (const conditionId of body.filter?.conditionIds ?? []) requireAlertName(tenantId, conditionId);
  const key = { tenantId, subscriptionId };
  const existing = await dynamoSubscriptions(deps.subscriptionItems).ofTenant(tenantId);
  const current = existing.find((item) => item.subscriptionId === subscriptionId);
  const isSame = current !== undefined && isSameTarget(current, body);
  const now = deps.clock.now();
  if (isSame && current.state === 'confirmed')
    return { subscription: subscriptionView(await filtered(deps, current, body.filter), now) };
  if (!current && existing.length >= subscriptionCountMax)
    throw new HoldfastError('CONFLICT', `a tenant has at most ${subscriptionCountMax} subscriptions`, {
      hint: 'delete one that is not needed',
    });
  await spendOne(deps, tenantId);
  const challenge = newChallenge(deps.random);
  const secret = body.kind === 'webhook' ? newWebhookSecret(deps.random) : undefined;
  const target = {
    ...body,
    challengeHash: secretHash(challenge),
    createdAt: now,
    ...(secret ? { secrets: [{ sealed: await deps.seal(secret, key), createdAt: now }] } : {}),
  };
  const item = await withTarget(deps, key, { current, target });
  const { isTaken, reason } = await ask(deps, key, { type: 'challenge', ...key, challenge });
  // What is wrong is the tenant's: nothing of ours has failed.
  if (!isTaken) {
    await guarded(deps.subscriptionItems, key, challengeFailed(item, { at: deps.clock.now(), reason }));
    const mend =
      body.kind === 'webhook' ? 'see that it answers with 2xx' : 'let Holdfast’s account send to it';
    throw new HoldfastError('CONFLICT', `the challenge was not taken: ${reason}`, {
      hint: `${mend}, or correct the address, and repeat \`alerts subscribe\`${item.next ? '; until then alerts go where they went' : ''}`,
    });
  }
  log('info', 'subscription.challenged', { ...key, target: shownTarget(target) });
  return { subscription: subscriptionView(item, now), ...(secret ? { secret } : {}) };
}

/** Writes the target that waits for its echo: beside the one in use, or as the first. BUSY. */
async function withTarget(
  { subscriptionItems, clock }: ManageDeps,
  key: SubscriptionKey,
  of: { current: SubscriptionItem | undefined; target: Omit<NextTarget, 'expiresAt'> },
): Promise<SubscriptionItem> {
  const { current, target } = of;
  if (current?.state === 'confirmed') {
    const next = { ...target, expiresAt: target.createdAt + nextTargetMs };
    return (await guarded(subscriptionItems, key, follow(current, next))) ?? changedMeanwhile();
  }
  const deliveryKey = `${key.tenantId}/${key.subscriptionId}/${clock.newId()}`;
  const item: SubscriptionItem = { ...target, ...key, state: 'pending', deliveryKey };
  const written = current
    ? await subscriptionItems.put(item, {
        condition: '#challengeHash = :before AND #state = :pending',
        values: { ':before': current.challengeHash, ':pending': 'pending' },
      })
    : await subscriptionItems.putIfAbsent(item);
  return written.ok ? item : changedMeanwhile();
}

/** Also takes back a target that was to follow. */
async function filtered(
  { subscriptionItems }: ManageDeps,
  current: SubscriptionItem,
  filter: SubscriptionItem['filter'],
): Promise<SubscriptionItem> {
  const written = await guarded(subscriptionItems, keyOf(current), {
    when: { is: 'equal', path: 'challengeHash', value: current.challengeHash },
    ...(filter ? { set: { filter } } : {}),
    remove: filter ? ['next'] : ['next', 'filter'],
  });
  return written ?? changedMeanwhile();
}

/** The tenant echoes what it found at its target. */
export async function confirmSubscription(
  { subscriptionItems, clock, start }: ManageDeps,
  { tenantId, params, body, log }: ApiRequest<'confirmSubscription'>,
): Promise<SubscriptionAnswers['confirmSubscription']> {
  const key = { tenantId, subscriptionId: requireSubscriptionId(params['subscriptionId']) };
  const current = await requireSubscription(subscriptionItems, key);
  const now = clock.now();
  const written = await guarded(subscriptionItems, key, confirm(current, secretHash(body.challenge), now));
  if (written) {
    log('info', 'subscription.confirmed', { ...key, target: shownTarget(written) });
    if (written.openShard !== undefined) await startTurn({ start, log }, key);
    return { subscription: subscriptionView(written, now) };
  }
  throw new HoldfastError('FORBIDDEN', 'that is not the newest challenge of this subscription', {
    hint: 'each `alerts subscribe` of a target that is not confirmed sends it a new challenge; echo the last one, within a day where it follows another',
  });
}

export async function deleteSubscription(
  { subscriptionItems }: ManageDeps,
  { tenantId, params, log }: ApiRequest<'deleteSubscription'>,
): Promise<SubscriptionAnswers['deleteSubscription']> {
  const key = { tenantId, subscriptionId: requireSubscriptionId(params['subscriptionId']) };
  const written = await subscriptionItems.delete(key);
  if (!written.ok || !written.item) throw noSuchSubscription(key);
  log('info', 'subscription.deleted', key);
  return {};
}

/** Sends a message that says that it is a test, and answers with what came of it. CONFLICT, THROTTLED. */
export async function testSubscription(
  deps: ManageDeps,
  { tenantId, params }: ApiRequest<'testSubscription'>,
): Promise<SubscriptionAnswers['testSubscription']> {
  const key = { tenantId, subscriptionId: requireSubscriptionId(params['subscriptionId']) };
  const { state } = await requireSubscription(deps.subscriptionItems, key);
  if (state !== 'confirmed')
    throw new HoldfastError('CONFLICT', `the subscription ${key.subscriptionId} is not confirmed`, {
      hint: 'echo the challenge that was sent to its target first',
    });
  await spendOne(deps, tenantId);
  return ask(deps, key, { type: 'test', ...key, testId: deps.clock.newId() });
}

/** A new secret for a webhook; the one in force signs beside it for a day more. CONFLICT. */
export async function rotateSecret(
  { subscriptionItems, seal, random, clock }: ManageDeps,
  { tenantId, params, log }: ApiRequest<'rotateSecret'>,
): Promise<SubscriptionAnswers['rotateSecret']> {
  const key = { tenantId, subscriptionId: requireSubscriptionId(params['subscriptionId']) };
  const current = await requireSubscription(subscriptionItems, key);
  const [newest] = current.secrets ?? [];
  if (!newest)
    throw new HoldfastError('CONFLICT', `the subscription ${key.subscriptionId} has no secret`, {
      hint: 'only what is sent to webhooks is signed',
    });
  const secret = newWebhookSecret(random);
  const secrets = rotated(current.secrets ?? [], await seal(secret, key), clock.now());
  const written = await subscriptionItems.update(key, 'SET #secrets = :secrets', {
    condition: '#secrets[0].#sealed = :newest',
    values: { ':secrets': secrets, ':newest': newest.sealed },
  });
  if (!written.ok) return changedMeanwhile();
  log('info', 'subscription.secret_rotated', key);
  return { subscription: subscriptionView(written.item, clock.now()), secret };
}

export async function requireSubscription(
  subscriptionItems: ManageDeps['subscriptionItems'],
  key: SubscriptionKey,
): Promise<SubscriptionItem> {
  const item = await subscriptionItems.get(keyOf(key));
  if (item) return item;
  throw noSuchSubscription(key);
}

const keyOf = ({ tenantId, subscriptionId }: SubscriptionKey): SubscriptionKey => ({
  tenantId,
  subscriptionId,
});

async function ask(deps: ManageDeps, key: SubscriptionKey, message: object): Promise<Sent> {
  const answer = sentSchema.safeParse(await deps.askDelivery({ ...key, message }));
  if (answer.success) return answer.data;
  throw new HoldfastError(
    'INTERNAL',
    `the delivery function answered what is no answer: ${answer.error.message}`,
  );
}

async function spendOne({ budgets, clock }: ManageDeps, tenantId: string): Promise<void> {
  const update = spend(await budgets.get({ tenantId }), clock.now());
  if (!(await guarded(budgets, { tenantId }, update))) changedMeanwhile();
}

function changedMeanwhile(): never {
  throw new HoldfastError('BUSY', 'somebody else changed it in the same moment', { hint: 'try again' });
}

const noSuchSubscription = ({ subscriptionId }: SubscriptionKey): HoldfastError =>
  new HoldfastError('NOT_FOUND', `there is no subscription ${subscriptionId}`, {
    hint: `\`${typed('holdfast alerts subscriptions')}\` shows those there are`,
  });
