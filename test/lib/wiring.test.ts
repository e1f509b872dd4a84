import { beforeAll, describe, expect, it } from '@jest/globals';
import { alertEventSource } from '../../core/alert-event.ts';
import type { CellEntry, EnvName } from '../../core/env.ts';
import { readConfig } from '../../lib/config.ts';
import { readable } from './readable.ts';
import { homeAndCell, ofType, type SynthesizedStack } from './synthesis.ts';

let home: SynthesizedStack;
let cell: SynthesizedStack;
beforeAll(async () => {
  ({ home, cell } = await homeAndCell());
});

const config = readConfig({});

/** Where each variable's value comes from: a name means the same in every function that has it. */
const valueOf: Record<EnvName, string> = {
  GATEWAYS_TABLE: '{home/TablesGateways}',
  COMMANDS_TABLE: '{home/TablesCommands}',
  BULK_SENDS_TABLE: '{home/TablesBulkSends}',
  BULK_TARGETS_TABLE: '{home/TablesBulkTargets}',
  STATUS_TABLE: '{home/TablesStatus}',
  INVENTORY_TABLE: '{home/TablesInventory}',
  ROLLUPS_TABLE: '{home/TablesRollups}',
  ALERTS_TABLE: '{home/TablesAlerts}',
  CONDITION_SETTINGS_TABLE: '{home/TablesConditionSettings}',
  PATTERNS_TABLE: '{home/TablesPatterns}',
  SILENCES_TABLE: '{home/TablesSilences}',
  ACTIVATION_CODES_TABLE: '{home/TablesActivationCodes}',
  TOKENS_TABLE: '{home/TablesTokens}',
  SUBSCRIPTIONS_TABLE: '{home/TablesSubscriptions}',
  ALERT_LANES_TABLE: '{home/TablesAlertLanes}',
  DEAD_LETTERS_TABLE: '{home/TablesDeadLetters}',
  SEND_BUDGETS_TABLE: '{home/TablesSendBudgets}',
  ALERT_DELIVERY_FUNCTION: '{home/AlertDeliveryFunction}',
  WEBHOOK_KEY_ARN: '{home/WebhookKey.Arn}',
  LOOPBACK_WEBHOOKS: 'refused',
  CONFIGURATIONS_TABLE: '{home/TablesConfigurations}',
  CELLS_TABLE: '{home/TablesCells}',
  AUDIT_TABLE: '{home/TablesAudit}',
  CONNECTIONS_TABLE: '{cell-1/Connections}',
  SNAPSHOT_BUCKET: '{home/SnapshotsBucket}',
  AGENT_STORAGE_ROLE_ARN: '{cell-1/AgentStorageRole.Arn}',
  ALERT_BUS_NAME: '{home/AlertBus}',
  CELL_DIRECTORY_PATH: '/holdfast/cells',
  CELL_ID: 'cell-1',
  CALLBACK_URL: 'https://{cell-1/WebSocketApi}/v1',
  FORWARDING_MODE: config.forwardingMode,
  HEARTBEAT_INTERVAL_MS: String(config.heartbeatIntervalMs),
  PROXY_INTERVAL_MS: '60000',
  CHANGE_BURST: String(config.changeBurst),
  RECONNECT_WINDOW_MS: String(config.reconnectWindowMs),
  LATEST_AGENT_VERSION: config.latestAgentVersion,
};

describe('a variable', () => {
  it('has the value of its row in every function', () => {
    for (const stack of [home, cell])
      for (const { path, resource } of stack.functions) {
        const { Variables = {} } = (resource.Properties['Environment'] ?? {}) as {
          Variables?: Record<string, unknown>;
        };
        const found = Object.entries(Variables).map(([name, value]) => [
          name,
          readable(stack, value, [home, cell]),
        ]);
        const expected = Object.keys(Variables).map((name) => [name, valueOf[name as EnvName]]);
        expect({ path, ...(Object.fromEntries(found) as object) }).toEqual({
          path,
          ...(Object.fromEntries(expected) as object),
        });
      }
  });

  it('cannot be mistaken for another one: no two rows have the same value', () => {
    expect(new Set(Object.values(valueOf)).size).toBe(Object.keys(valueOf).length);
  });
});

interface RuleProperties {
  EventBusName?: unknown;
  EventPattern?: unknown;
  ScheduleExpression?: string;
  State: string;
  Targets: { Arn: unknown; DeadLetterConfig?: { Arn: unknown } }[];
}

/** What starts a rule's targets, on which bus, and where an event goes that no target takes. */
const rules = (stack: SynthesizedStack) =>
  Object.entries(ofType(stack, 'AWS::Events::Rule')).map(([logicalId, { Properties }]) => {
    const rule = Properties as unknown as RuleProperties;
    const text = (value: unknown) => value && readable(stack, value, [home, cell]);
    return {
      rule: text({ Ref: logicalId }),
      state: rule.State,
      on: rule.ScheduleExpression ?? rule.EventPattern,
      bus: text(rule.EventBusName),
      targets: rule.Targets.map(({ Arn, DeadLetterConfig }) => [text(Arn), text(DeadLetterConfig?.Arn)]),
      mayInvoke: invocableBy(stack, logicalId),
    };
  });

/** The functions whose own policy lets EventBridge in for this rule. */
const invocableBy = (stack: SynthesizedStack, ruleId: string): string[] =>
  Object.values(ofType(stack, 'AWS::Lambda::Permission'))
    .map(({ Properties }) => Properties)
    .filter(({ Principal }) => Principal === 'events.amazonaws.com')
    .filter(({ SourceArn }) => JSON.stringify(SourceArn) === `{"Fn::GetAtt":["${ruleId}","Arn"]}`)
    .map(({ FunctionName }) => readable(stack, FunctionName, [home, cell]));

describe('a rule', () => {
  const row = (rule: string, on: unknown, target: string, bus?: string) => ({
    rule: `{home/${rule}}`,
    state: 'ENABLED',
    on,
    bus: bus && `{home/${bus}}`,
    targets: [[`{home/${target}Function.Arn}`, '{home/DeadLetters.Arn}']],
    mayInvoke: [`{home/${target}Function.Arn}`],
  });

  it('starts the function of its row, which lets it in', () => {
    expect(rules(home).toSorted((a, b) => (String(a.rule) < String(b.rule) ? -1 : 1))).toEqual([
      row('AlertBusToRouter', { source: [alertEventSource] }, 'SubscriptionRouter', 'AlertBus'),
      row('AlertRetriesTick', config.schedules.alertRetries, 'AlertRetries'),
      row('BulkRunnerTick', config.schedules.bulkRunner, 'BulkRunner'),
      row('DesignReportTick', config.schedules.designReport, 'DesignReport'),
      row('StatusProxyTick', config.schedules.statusProxy, 'StatusProxy'),
      row('SweeperTick', config.schedules.sweeper, 'Sweeper'),
    ]);
    expect(rules(cell)).toEqual([]);
  });
});

describe('the directory of the cells', () => {
  it('has an entry of each cell with the addresses by which it is found', () => {
    const entries = Object.values(ofType(cell, 'AWS::SSM::Parameter')).map(({ Properties }) => ({
      name: readable(cell, Properties['Name'], [home, cell]),
      value: JSON.parse(readable(cell, Properties['Value'], [home, cell])) as unknown,
    }));
    const value: CellEntry = {
      cellId: 'cell-1',
      webSocketUrl: 'wss://{cell-1/WebSocketApi}/v1',
      apiUrl: 'https://{cell-1/HttpApi}',
      deliverFunctionName: 'holdfast-cell-1-deliver',
    };
    expect(entries).toEqual([{ name: '/holdfast/cells/cell-1', value }]);
    const deliver = cell.functions.find(({ handler }) => handler === 'Deliver');
    expect(deliver?.resource.Properties['FunctionName']).toBe(value.deliverFunctionName);
  });
});
