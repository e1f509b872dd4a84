import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { until } from '../../../cli/demo/processes.ts';
import type { AlertEvent } from '../../../core/alert-event.ts';
import { alertKeyOf } from '../../../core/alerts/alert-key.ts';
import { conditionById } from '../../../core/conditions/conditions.ts';
import { silentLog } from '../../../core/log.ts';
import type { AlertItem } from '../../../core/model.ts';
import { dynamoAlertStore } from '../../../lambda/alerts/alert-store.ts';
import { dynamoFleet } from '../../../lambda/alerts/fleet-source.ts';
import { runTick } from '../../../lambda/alerts/tick.ts';
import {
  alertsTable,
  conditionSettingsTable,
  gatewaysTable,
  statusTable,
} from '../../../lambda/aws/tables.ts';
import type { LocalTables } from '../../support/local-tables.ts';
import { waitMs } from './site.ts';

const dayMs = 86_400_000;
/** Beats are as far apart as the test likes to jump: no status is stale. */
const limits = { heartbeatIntervalMs: dayMs, reconnectWindowMs: 500 };

/**
 * The status proxy over the tables of a running cloud, with a clock that the test puts forward: what has to hold for
 * ten minutes holds as soon as it is seen. Its events go to a queue as the router sends them.
 */
export class Watch {
  readonly #tables: LocalTables;
  readonly #emit: (event: AlertEvent) => Promise<void>;
  #aheadMs = 0;

  constructor(tables: LocalTables, { sqs, queueUrl }: { sqs: SQSClient; queueUrl: string }) {
    this.#tables = tables;
    this.#emit = async (event) => {
      const MessageBody = JSON.stringify({ type: 'alert', event });
      await sqs.send(new SendMessageCommand({ QueueUrl: queueUrl, MessageBody }));
    };
  }

  pass(ms: number): void {
    this.#aheadMs += ms;
  }

  /** Resolves once the condition is raised and its alert fires. */
  async fires(id: string, of: { gatewayId: string; component?: string }): Promise<AlertItem> {
    await this.#until(`${id} is raised`, id, of, ({ state }) => state === 'PENDING' || state === 'FIRING');
    this.pass(conditionById.get(id)!.forMs(limits) + 1);
    return this.#until(`${id} fires`, id, of, ({ state }) => state === 'FIRING');
  }

  /** Resolves once the condition is clear and its alert is over. */
  async resolves(id: string, of: { gatewayId: string; component?: string }): Promise<AlertItem> {
    const isClear = ({ state, clearSince }: AlertItem) => state === 'RESOLVED' || clearSince !== undefined;
    await this.#until(`${id} is clear`, id, of, isClear);
    this.pass(conditionById.get(id)!.clearForMs + 1);
    return this.#until(`${id} resolves`, id, of, ({ state }) => state === 'RESOLVED');
  }

  #until(
    what: string,
    conditionId: string,
    { gatewayId, component = '' }: { gatewayId: string; component?: string },
    holds: (item: AlertItem) => boolean,
  ): Promise<AlertItem> {
    const alertKey = alertKeyOf({ tenantId: 'acme', gatewayId, conditionId, component });
    return until(what, waitMs, async () => {
      await this.#tick();
      const item = await this.#table('Alerts', alertsTable).get({ alertKey });
      return item && holds(item) ? item : undefined;
    });
  }

  async #tick(): Promise<void> {
    await runTick({
      alerts: dynamoAlertStore(this.#table('Alerts', alertsTable)),
      fleet: dynamoFleet({
        gateways: this.#table('Gateways', gatewaysTable),
        status: this.#table('Status', statusTable),
        settings: this.#table('ConditionSettings', conditionSettingsTable),
      }),
      events: {
        put: async (events) => {
          for (const event of events) await this.#emit(event);
          return new Set(events.map(({ eventId }) => eventId));
        },
      },
      limits,
      now: () => Date.now() + this.#aheadMs,
      log: silentLog,
    });
  }

  #table<T>(construct: string, of: (name: string, client: LocalTables['client']) => T): T {
    return of(this.#tables.named(construct), this.#tables.client);
  }
}
