import type { AlertView } from '../../core/api.ts';
import type { SilenceView } from '../../core/alerts/silences.ts';
import { intentionTable } from '../../admin/dry-run.ts';
import { startFakeApi, type FakeApi } from './fake-api.ts';

/** What people read of alerts in a terminal of 80 columns: ids as long as they get, and what people wrote. */
let api: FakeApi;
beforeAll(async () => void (api = await startFakeApi()));
beforeEach(() => void (api.requests = []));
afterAll(() => api.close());

const alertKey = '3f9a17c2aa01b4d63f9a17c2aa01b4d6';
const gatewayId = 'gw-8c09f5cd3c94dda14112-aaaa-bbbb-cc';
const commandId = 'f3b2bf5a54513be4d1aacbe2d26ef089';
const component = '/srv/holdfast/volumes/customer-data-of-the-second-cellar-in-oslo';
const why =
  'the disk is on its way, and the one who brings it says that he will not be there before tomorrow noon';
const who = 'operator arn:aws:iam::123456789012:user/an.operator';
const alert = {
  ...{ tenantId: 'acme', alertKey, gatewayId, component, conditionId: 'UploadBufferFillsSoon', episode: 12 },
  ...{ severity: 'critical', state: 'UNKNOWN', changedAt: 0, firedAt: 0, resolvedAt: 0, reminders: 6 },
  ...{ ackedAt: 0, ackedBy: who, ackedWhy: why, heldBy: `the silence si-3f9a17c2aa01b4d6 of ${who}` },
  summary: `the upload buffer of ${component} fills within 24 hours, and nothing of it is uploaded`,
  escalation: { episode: 12, at: 0, by: who, reason: `twice in vain: ${why}` },
  audit: [{ at: 0, state: 'ACKED', note: `by ${who}: ${why}` }],
  suggested: { kind: 'restore.start', params: { volumeId: 'customer-data-of-the-second-cellar-in-oslo' } },
} as unknown as AlertView;
const silence = {
  ...{ silenceId: 'si-3f9a17c2aa01b4d6', gatewayId, conditionId: alert.conditionId, component, why, by: who },
  ...{ createdAt: 0, endsAt: 1_000, tenantId: 'acme' },
} satisfies SilenceView;
const trail = {
  alert,
  entries: [
    { at: 0, what: 'alert', state: 'FIRING', note: why },
    { at: 0, what: 'command', state: 'INDETERMINATE', kind: 'snapshot.delete', commandId, note: why },
  ],
  commands: [],
};
const queueUrl = 'https://sqs.eu-north-1.amazonaws.com/123456789012/holdfast-alerts-acme_main';
const subscription = {
  ...{ subscriptionId: 'the-second-cellar-in-oslo', kind: 'sqs', state: 'pending', queueUrl },
  filter: { conditionIds: ['UploadBufferFillsSoon', 'UploadStalled'], gatewayIds: [gatewayId, gatewayId] },
};

/** Nothing of it may be cut; a word that is longer than a line stays whole, to be copied. */
const tooWide = (text: string): string[] =>
  text.split('\n').filter((line) => line.length > 80 && !/\S{64,}$/.test(line));
const oneLine = (text: string): string => text.replaceAll(/\s*\\?\s+/g, ' ');

test.each<[string, string[], object, string[]]>([
  ['an alert', ['alerts', 'show', alertKey], { alert }, [alert.summary, why, 'npx holdfast send']],
  ['its acknowledgement', ['alerts', 'ack', alertKey], { alert }, [`by ${who}: ${why}`]],
  ['the taking back of it', ['alerts', 'unack', alertKey], { alert }, [why]],
  ['its trail', ['alerts', 'trail', alertKey], trail, [`${commandId}, ${why}`, 'snapshot.delete']],
  ['alerts', ['alerts', 'list'], { alerts: [alert] }, [`UploadBufferFillsSoon ${component}`]],
  ['a silence', ['alerts', 'unsilence', silence.silenceId], { silence, hadEnded: true }, [why]],
  [
    'a new silence',
    ['alerts', 'silence', '--gateway', gatewayId, '--for', '2h', '--why', why],
    { silence, alerts: [] },
    [why, 'npx holdfast alerts unsilence', 'fits no open alert now'],
  ],
  [
    'a test',
    ['alerts', 'test', subscription.subscriptionId],
    { isTaken: true, durationMs: 12 },
    ['taken after 12 ms; it is no alert, so HEALTH in `alerts subscriptions` stays as it is'],
  ],
  [
    'a new subscription',
    ['alerts', 'subscribe', subscription.subscriptionId, '--queue', queueUrl],
    { subscription, subscriptions: [] },
    [queueUrl, `npx holdfast alerts confirm ${subscription.subscriptionId} --challenge TEXT`],
  ],
])('%s fits', async (_what, argv, body, whole) => {
  api.answer.body = body;
  const run = await api.run([...argv, ...api.asTenant()]);
  expect([run.code, tooWide(run.out)]).toEqual([0, []]);
  for (const text of whole) expect(oneLine(run.out)).toContain(oneLine(text));
});

test('what the admin process would do fits', () => {
  const intention = { alertKey, gatewayId, component, conditionId: alert.conditionId };
  const command = { kind: 'restore.start' as const, params: { volumeId: 'customer-data-in-oslo' } };
  const text = intentionTable(
    [{ ...intention, would: 'wait', command, reason: `it was sent 12 minutes ago; ${why}` }],
    80,
  );
  expect(tooWide(text)).toEqual([]);
  expect(oneLine(text)).toContain(
    `UploadBufferFillsSoon ${component}: restore.start volumeId=customer-data-in-oslo – it was sent`,
  );
});
