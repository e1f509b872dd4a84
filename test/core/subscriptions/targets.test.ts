import { passesFilter } from '../../../core/subscriptions/filter.ts';
import { parseTarget, parseWebhookUrl, shownTarget } from '../../../core/subscriptions/targets.ts';

const here = { servicesOrigin: 'http://127.0.0.1:4566' };
const queue = (queueUrl: string, tenantId = 'acme') => parseTarget({ kind: 'sqs', queueUrl }, tenantId, here);

describe('a queue’s URL', () => {
  it.each([
    'not a url',
    'http://sqs.eu-central-1.amazonaws.com/123456789012/holdfast-alerts-acme',
    'https://sqs.eu-central-1.amazonaws.com.evil.example/123456789012/holdfast-alerts-acme',
    'https://evil.example/123456789012/holdfast-alerts-acme',
    'https://sqs.eu-central-1.amazonaws.com:444/123456789012/holdfast-alerts-acme',
    'https://user:word@sqs.eu-central-1.amazonaws.com/123456789012/holdfast-alerts-acme',
    'https://sqs.eu-central-1.amazonaws.com/123456789012/holdfast-alerts-acme?x=1',
    'https://sqs.eu-central-1.amazonaws.com/123456789012/payroll',
    'https://sqs.eu-central-1.amazonaws.com/123456789012/holdfast-alerts-acme/..',
    'http://169.254.169.254/123456789012/holdfast-alerts-acme',
    'http://127.0.0.1:9999/123456789012/holdfast-alerts-acme',
  ])('is refused: %s', (url) => {
    expect(() => queue(url)).toThrow(/^queueUrl: /);
  });

  it('is SQS’s own, or that of the one SQS on this machine', () => {
    const ofAws = 'https://sqs.eu-central-1.amazonaws.com/123456789012/holdfast-alerts-acme.fifo';
    expect(queue(ofAws)).toEqual({ region: 'eu-central-1' });
    const ofThisMachine = 'http://127.0.0.1:4566/000000000000/holdfast-alerts-acme';
    expect(queue(ofThisMachine)).toEqual({ region: undefined });
    expect(() => parseTarget({ kind: 'sqs', queueUrl: ofThisMachine }, 'acme')).toThrow(/queueUrl/);
  });
});

const named = (name: string) => ({
  sqs: { kind: 'sqs', queueUrl: `https://sqs.eu-central-1.amazonaws.com/123456789012/${name}` } as const,
  sns: { kind: 'sns', topicArn: `arn:aws:sns:eu-central-1:123456789012:${name}` } as const,
  bus: { kind: 'eventbridge', busArn: `arn:aws:events:eu-central-1:123456789012:event-bus/${name}` } as const,
});

describe.each(['sqs', 'sns', 'bus'] as const)('the name of a target (%s)', (kind) => {
  it.each(['holdfast-alerts-acme', 'holdfast-alerts-acme_main'])('is its tenant’s: %s', (name) => {
    expect(parseTarget(named(name)[kind], 'acme')).toEqual({ region: 'eu-central-1' });
  });

  it.each([
    'holdfast-alerts-acme-eu',
    'holdfast-alerts-acme-eu_main',
    'holdfast-alerts-other_acme',
    'payroll',
  ])('that is another’s is refused: %s', (name) => {
    expect(() => parseTarget(named(name)[kind], 'acme')).toThrow(/does not begin with holdfast-alerts-acme_/);
  });
});

test.each([
  ['sns', 'topicArn', 'arn:aws:sns:eu-central-1:123456789012:holdfast-alerts-acme:sub'],
  ['eventbridge', 'busArn', 'arn:aws:events:eu-central-1:123456789012:rule/holdfast-alerts-acme'],
  ['eventbridge', 'busArn', 'default'],
] as const)('an ARN that is none of its kind is refused: %s %s', (kind, field, arn) => {
  expect(() => parseTarget({ kind, [field]: arn }, 'acme')).toThrow(
    new RegExp(`^${field}: it is not arn:aws`),
  );
});

describe('a webhook’s URL', () => {
  it.each([
    'ftp://ops.example.com/',
    'http://ops.example.com/hook',
    'http://127.0.0.1:8080/hook',
    'https://user@ops.example.com/hook',
    'https://:word@ops.example.com/hook',
    'https://ops.example.com/hook#part',
    '/hook',
  ])('is refused: %s', (url) => {
    expect(() => parseWebhookUrl(url)).toThrow(/^url: /);
  });

  it('is https; plain http on this machine only where that is allowed there', () => {
    expect(parseWebhookUrl('https://ops.example.com/hook?a=b').host).toBe('ops.example.com');
    const loopback = 'http://127.0.0.1:8080/hook';
    expect(parseWebhookUrl(loopback, { ...here, allowsLoopback: true }).port).toBe('8080');
    expect(() => parseWebhookUrl(loopback, here)).toThrow(/not https/);
    // A variable that somebody sets on AWS opens nothing.
    expect(() => parseWebhookUrl(loopback, { allowsLoopback: true })).toThrow(/not https/);
  });

  it('stands in logs without its path and query, which often are a secret', () => {
    const url = 'https://ops.example.com/T0/B0/secret?token=secret';
    expect(shownTarget({ kind: 'webhook', url })).toBe('the webhook at ops.example.com');
  });
});

test('a filter holds an alert to each of its lists', () => {
  const alert = { severity: 'critical', conditionId: 'Offline', gatewayId: 'gw-1' } as const;
  expect(passesFilter(undefined, alert)).toBe(true);
  expect(passesFilter({ severities: ['critical', 'info'], gatewayIds: ['gw-1'] }, alert)).toBe(true);
  expect(passesFilter({ severities: ['warning'] }, alert)).toBe(false);
  expect(passesFilter({ severities: ['critical'], conditionIds: ['FsFull'] }, alert)).toBe(false);
  expect(passesFilter({ gatewayIds: ['gw-2'] }, alert)).toBe(false);
});

test('an incident of many gateways passes by its severity, whatever gateways and conditions are meant', () => {
  const incident = { severity: 'critical', conditionId: 'SiteIncident', gatewayId: '' } as const;
  expect(passesFilter({ gatewayIds: ['gw-1'], conditionIds: ['Offline'] }, incident)).toBe(true);
  expect(passesFilter({ severities: ['warning'] }, incident)).toBe(false);
});

test('a digest passes where something in it would', () => {
  const count = (conditionId: string, severity: 'critical' | 'warning') => ({
    ...{ type: 'firing' as const, conditionId, severity, count: 30 },
  });
  const lists = { firing: [], reminder: [], resolved: [], first: [], gatewayCount: 60 };
  const digest = { ...lists, counts: [count('Offline', 'critical'), count('FsFull', 'warning')] };
  const event = { severity: 'critical', conditionId: '', gatewayId: '', digest } as const;
  expect(passesFilter(undefined, event)).toBe(true);
  expect(passesFilter({ severities: ['warning'], gatewayIds: ['gw-1'] }, event)).toBe(true);
  expect(passesFilter({ conditionIds: ['FsFull'], severities: ['warning'] }, event)).toBe(true);
  expect(passesFilter({ conditionIds: ['FsFull'], severities: ['critical'] }, event)).toBe(false);
  expect(passesFilter({ severities: ['info'] }, event)).toBe(false);
});
