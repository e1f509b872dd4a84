import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { alertDetailTypes, alertEventSchema, subscriptionMessageSchema } from '../../../core/alert-event.ts';
import { messageJsonSchemaText } from '../../../core/subscriptions/json-schema.ts';
import { messageDetailType } from '../../../core/subscriptions/message.ts';

const docs = (name: string): string =>
  readFileSync(new URL(`../../../docs/${name}`, import.meta.url), 'utf8');
const page = docs('alert-events.md');
const sectionOf = (type: string): string => page.split(`\n## ${type}\n`)[1]?.split('\n## ')[0] ?? '';
const examplesOf = (type: string): unknown[] =>
  [...sectionOf(type).matchAll(/^```json\n([^]*?)^```/gm)].map(([, json = '']) => JSON.parse(json));
const exampleOf = (type: string): unknown => examplesOf(type)[0];
const rowsOf = (type: string): string[] =>
  [...sectionOf(type).matchAll(/^\| `(\w+)` +\| .*\w.* \|$/gm)].map(([, name = '']) => name);

const types = subscriptionMessageSchema.options.map(({ shape }) => shape.type.value);

it('docs/alert-message.schema.json is what `npm run -s schema` prints', () => {
  expect(docs('alert-message.schema.json')).toBe(messageJsonSchemaText());
});

it.each(types)(
  'docs/alert-events.md shows a message of type %s that the schema takes, with nothing left out',
  (type) => {
    const example = exampleOf(type);
    const strict = z.union(subscriptionMessageSchema.options.map((option) => option.strict()));
    expect(strict.parse(example)).toEqual(example);
    const shape = subscriptionMessageSchema.options.find((option) => option.shape.type.value === type)!.shape;
    expect(Object.keys(example as object).toSorted()).toEqual(Object.keys(shape).toSorted());
  },
);

it('docs/alert-events.md explains every field of an event, and shows each', () => {
  const [first, others] = examplesOf('alert') as [{ event: object }, object[]];
  const events = [first.event, ...others.map((more) => ({ ...first.event, ...more }))];
  for (const event of events) expect(alertEventSchema.strict().parse(event)).toEqual(event);
  expect(rowsOf('alert')).toEqual(Object.keys(alertEventSchema.shape));
  const shown = new Set(events.flatMap((event) => Object.keys(event)));
  expect([...shown].toSorted()).toEqual(Object.keys(alertEventSchema.shape).toSorted());
  for (const type of ['challenge', 'test'] as const)
    expect(['type', ...rowsOf(type)]).toEqual(Object.keys(exampleOf(type) as object));
});

it('docs/alert-events.md names every type of event and every detail type', () => {
  for (const type of alertEventSchema.shape.type.options) expect(sectionOf('alert')).toContain(`\`${type}\``);
  const of = { tenantId: 't', subscriptionId: 's' };
  const others = [
    messageDetailType({ type: 'challenge', ...of, challenge: 'c' }),
    messageDetailType({ type: 'test', ...of, testId: 't' }),
  ];
  for (const detailType of [...Object.values(alertDetailTypes), ...others])
    expect(page).toContain(`\`${detailType}\``);
});
