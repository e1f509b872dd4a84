import { randomBytes } from 'node:crypto';
import type { BulkJobItem } from '../../../core/bulk/model.ts';
import { dateText, dayOf, FleetDayBuilder } from '../../../core/design-report/fleet-day.ts';
import type { CommandItem } from '../../../core/model.ts';
import { dynamoDayStore } from '../../../lambda/design-report/day-store.ts';
import { newsShards } from '../../../core/routes/gateway-news.ts';
import { statusItem } from '../../support/fleet.ts';
import { bulkJob, cellDirectory, deliver } from './home-stories.ts';
import { each, type Stories, type Story } from './stories.ts';
import { deliveryStories } from './subscription-stories.ts';

const runs: Story = (_, it) => it.runs();
/** Of a function that fails: its event is to end among the dead letters. */
const fails: Story = (_, it) => it.runsLater();
const deadLetters = { 'sqs:SendMessage on DeadLetters': fails };

const aMinuteAgo = () => Date.now() - 60_000;
/** A queued command that the sweeper has to look at, of a gateway that this cell held. */
const sweepsOf =
  (cellId: string): Story =>
  async (stage, it) => {
    const { gatewayId } = await stage.routed(cellId, { grants: { done: 'another-journal' } });
    await stage.command(gatewayId, { dueAt: aMinuteAgo() });
    return it.runs();
  };
/** A command that is final and not on record. */
const sweepsFinal: Story = async (stage, it) => {
  const { gatewayId } = await stage.gateway();
  const { openSeq: _open, ...item } = await stage.command(gatewayId);
  const final: CommandItem = { ...item, state: 'SUCCEEDED', dueAt: aMinuteAgo(), endedAt: aMinuteAgo() };
  await stage.table('commandsTable').put(final);
  return it.runs();
};

/** A job of a tenant of its own, whose one gateway this cell held. It goes afterwards, and with it the run ends. */
const sendsThrough =
  (cellId: string, changed: Partial<BulkJobItem> = {}): Story =>
  async (stage, it) => {
    const tenantId = `t-${stage.newId().slice(-8)}`;
    await stage.routed(cellId, { tenantId });
    const { bulkId } = await bulkJob(stage, { tenantId, ...changed });
    await it.runsLater();
    return () => stage.table('bulkSendsTable').delete({ bulkId });
  };

/** A gateway whose key two hosts have. */
const judges: Story = async (stage, it) => {
  await stage.gateway({ cloneSeenAt: Date.now() });
  return it.runs();
};
/** A gateway whose inventory nobody has looked at. */
const looksUp: Story = async (stage, it) => {
  const { gatewayId, tenantId } = await stage.gateway();
  await stage
    .table('statusTable')
    .put(statusItem({ gatewayId, tenantId, receivedAt: Date.now() }, { inventoryHash: 'h' }));
  return it.runs();
};
/** The first look reads all gateways, the next one what is new. */
const looksAgain: Story = async (stage, it) => {
  await it.runs();
  const news = { newsShard: newsShards[0], newsAt: Date.now() };
  await stage.gateway(news);
  return it.runs();
};
const emits: Story = async (stage, it) => {
  await stage.world.alertToEmit();
  return it.runs();
};

/** A day that is over, of which there is no report. */
const reports: Story = async (stage, it) => {
  const day = dayOf(Date.now()) - 1;
  const table = stage.table('patternsTable');
  await dynamoDayStore(table, { now: Date.now, random: randomBytes }).put(new FleetDayBuilder(day).build());
  await table.delete({ itemKey: `design-report/${dateText(day)}` });
  return it.runs();
};

/** The functions of home that a schedule or the alert bus runs. */
export const tickStories: Stories = {
  Sweeper: {
    'dynamodb:Query on Commands/openByShard': runs,
    ...each(
      [
        'dynamodb:Query on Commands/open',
        'dynamodb:PutItem on Commands',
        'dynamodb:GetItem on Gateways',
        'dynamodb:UpdateItem on Gateways',
        cellDirectory,
        deliver('cell-1'),
      ],
      sweepsOf('cell-1'),
    ),
    [deliver('cell-2')]: sweepsOf('cell-2'),
    ...each(['dynamodb:GetItem on Commands', 'dynamodb:PartiQLInsert on Audit'], sweepsFinal),
    ...deadLetters,
  },
  BulkRunner: {
    'dynamodb:Query on BulkSends/open': runs,
    ...each(
      [
        'dynamodb:UpdateItem on BulkSends',
        'dynamodb:GetItem on BulkSends',
        'dynamodb:Query on BulkTargets',
        'dynamodb:Query on Gateways/byTenant',
        'dynamodb:BatchGetItem on Gateways',
        'dynamodb:PutItem on BulkTargets',
        'dynamodb:UpdateItem on BulkTargets',
        'dynamodb:UpdateItem on Gateways',
        'dynamodb:GetItem on Commands',
        'dynamodb:PartiQLInsert on Audit',
        'dynamodb:PutItem on Commands',
        'dynamodb:GetItem on Gateways',
        'dynamodb:Query on Commands/open',
        cellDirectory,
        deliver('cell-1'),
      ],
      sendsThrough('cell-1'),
    ),
    'dynamodb:BatchGetItem on Status': sendsThrough('cell-1', { select: { where: { agentVersion: '*' } } }),
    [deliver('cell-2')]: sendsThrough('cell-2'),
    ...deadLetters,
  },
  StatusProxy: {
    ...each(
      [
        'dynamodb:Scan on Status',
        'dynamodb:Scan on Gateways',
        'dynamodb:Scan on ConditionSettings',
        'dynamodb:Query on Alerts/open',
      ],
      runs,
    ),
    ...each(['dynamodb:GetItem on Alerts', 'dynamodb:PutItem on Alerts'], judges),
    ...each(['dynamodb:GetItem on Patterns', 'dynamodb:PutItem on Patterns'], runs),
    ...each(['dynamodb:Query on Gateways/byNews', 'dynamodb:BatchGetItem on Gateways'], looksAgain),
    'dynamodb:BatchGetItem on Inventory': looksUp,
    ...each(['dynamodb:Query on Silences', 'dynamodb:BatchGetItem on Configurations'], judges),
    'events:PutEvents on AlertBus': emits,
    ...deadLetters,
  },
  DesignReport: {
    ...each(['dynamodb:GetItem on Patterns', 'dynamodb:PutItem on Patterns'], reports),
    ...deadLetters,
  },
  ...deliveryStories,
};
