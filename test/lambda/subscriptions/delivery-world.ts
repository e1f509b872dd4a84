import type { AlertEvent, SubscriptionMessage } from '../../../core/alert-event.ts';
import { HoldfastError } from '../../../core/errors.ts';
import type { LogFields } from '../../../core/log.ts';
import type { DeadLetterItem, LaneItem, SubscriptionItem } from '../../../core/subscriptions/model.ts';
import { routeAlert } from '../../../lambda/alerts/route-alert.ts';
import {
  alertLanesTable,
  deadLettersTable,
  sendBudgetsTable,
  subscriptionsTable,
} from '../../../lambda/aws/tables.ts';
import {
  dynamoDeadLetters,
  dynamoLanes,
  dynamoSubscriptions,
} from '../../../lambda/subscriptions/dynamo-stores.ts';
import type { EnlistDeps } from '../../../lambda/subscriptions/enlist-event.ts';
import { runDue } from '../../../lambda/subscriptions/run-due.ts';
import { runTurn, type TurnDeps } from '../../../lambda/subscriptions/run-turn.ts';
import { firing } from '../../admin/admin-world.ts';
import type { TestDynamo } from '../../support/dynamo.ts';
import { t0 } from '../../support/fleet.ts';

/** A receiver: what it has, and whether it takes anything. */
export interface Receiver {
  got: AlertEvent[];
  messages: SubscriptionMessage[];
  tries: number;
  takes: (message: SubscriptionMessage) => boolean;
}

/** Everything between the bus and the targets over a real DynamoDB, on a clock that tests move. */
export class DeliveryWorld {
  now = t0;
  readonly receivers = new Map<string, Receiver>();
  readonly logged: { event: string; fields: LogFields }[] = [];
  /** Subscriptions that were to be started at once; `start` says whether that works. */
  readonly started: { tenantId: string; subscriptionId: string }[] = [];
  readonly tables;
  #ids = 0;

  private constructor(dynamo: TestDynamo, names: Awaited<ReturnType<TestDynamo['createTables']>>) {
    this.tables = {
      subscriptions: subscriptionsTable(names.SUBSCRIPTIONS_TABLE, dynamo.client),
      lanes: alertLanesTable(names.ALERT_LANES_TABLE, dynamo.client),
      letters: deadLettersTable(names.DEAD_LETTERS_TABLE, dynamo.client),
      budgets: sendBudgetsTable(names.SEND_BUDGETS_TABLE, dynamo.client),
    };
  }

  static async open(dynamo: TestDynamo): Promise<DeliveryWorld> {
    return new DeliveryWorld(dynamo, await dynamo.createTables());
  }

  get deps(): EnlistDeps & TurnDeps {
    return {
      subscriptions: dynamoSubscriptions(this.tables.subscriptions),
      lanes: dynamoLanes(this.tables.lanes),
      letters: dynamoDeadLetters(this.tables.letters),
      clock: { now: () => this.now, newId: () => `id-${(this.#ids += 1)}` },
      random: () => 0.5,
      log: (_level, event, fields = {}) => void this.logged.push({ event, fields }),
      start: (key) => {
        this.started.push(key);
        return Promise.resolve();
      },
      send: (subscription, message) => Promise.resolve().then(() => this.#take(subscription, message)),
    };
  }

  #take({ tenantId, subscriptionId }: SubscriptionItem, message: SubscriptionMessage): void {
    const receiver = this.receiver(tenantId, subscriptionId);
    receiver.tries += 1;
    if (!receiver.takes(message)) throw new HoldfastError('UNAVAILABLE', 'the webhook at x answered 503');
    receiver.messages.push(message);
    if (message.type === 'alert') receiver.got.push(message.event);
  }

  receiver(tenantId: string, subscriptionId = 'main'): Receiver {
    const name = `${tenantId}/${subscriptionId}`;
    const receiver = this.receivers.get(name) ?? { got: [], messages: [], tries: 0, takes: () => true };
    this.receivers.set(name, receiver);
    return receiver;
  }

  async subscribed(tenantId: string, more: Partial<SubscriptionItem> = {}): Promise<Receiver> {
    const { subscriptionId = 'main' } = more;
    await this.tables.subscriptions.put({
      tenantId,
      subscriptionId,
      kind: 'webhook',
      url: 'https://x.example.com/',
      state: 'confirmed',
      challengeHash: 'h',
      createdAt: t0,
      deliveryKey: `${tenantId}/${subscriptionId}/1`,
      ...more,
    });
    return this.receiver(tenantId, subscriptionId);
  }

  subscription = async (tenantId: string, subscriptionId = 'main'): Promise<SubscriptionItem> =>
    (await this.tables.subscriptions.get({ tenantId, subscriptionId }))!;

  /** What the bus hands to the router. */
  route(tenantId: string, alert: string, seq: number, more: Partial<AlertEvent> = {}): Promise<void> {
    const alertKey = alert.padStart(32, '0');
    const of = { alertKey, seq, tenantId, eventId: `${alertKey}#1#${seq}`, at: this.now };
    const type = seq % 2 === 1 ? 'firing' : 'resolved';
    return routeAlert(this.deps, { ...firing({ type, ...of, ...more }).event });
  }

  /** The runs that the router asked for, as Lambda would have them. */
  async runStarted(): Promise<void> {
    for (const key of this.started.splice(0)) await runTurn(this.deps, key, this.#until());
  }

  /** What the schedule does, each minute, and the runs that follow from it. */
  async tick(): Promise<void> {
    await runDue({ ...this.deps, now: () => this.now });
    await this.runStarted();
  }

  async minutes(
    count: number,
    each: (minute: number) => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    for (let minute = 0; minute < count; minute++) {
      await each(minute);
      this.now += 60_000;
      await this.tick();
    }
  }

  #until = () => ({ deadline: this.now + 40_000, leaseUntil: this.now + 50_000 });

  async pending(): Promise<LaneItem[]> {
    const found: LaneItem[] = [];
    for await (const lane of this.tables.lanes.scan()) if (lane.pending.length > 0) found.push(lane);
    return found;
  }

  async deadLetters(): Promise<DeadLetterItem[]> {
    const found: DeadLetterItem[] = [];
    for await (const letter of this.tables.letters.scan()) found.push(letter);
    return found.sort((a, b) => (a.letterId < b.letterId ? -1 : 1));
  }
}

/** Of each alert: the numbers of its events as they came, each once. */
export function orders(events: readonly AlertEvent[]): Record<string, number[]> {
  const of = Map.groupBy(events, ({ alertKey }) => alertKey.replace(/^0+/, ''));
  return Object.fromEntries([...of].map(([alert, list]) => [alert, list.map(({ seq }) => seq)]));
}
