import { z } from 'zod';
import { commandSpecs } from '../../core/command-kinds.ts';
import { requests } from '../../core/api.ts';
import { plainIssues } from '../../core/plain-issues.ts';

const said = (schema: z.ZodType, input: unknown): string => {
  const parsed = schema.safeParse(input);
  if (parsed.success) throw new Error('nothing is wrong');
  return plainIssues(parsed.error, input, 'the body');
};
const { createToken, createActivationCode, renameGateway, putSubscription } = requests;
const createVolume = commandSpecs['volume.create'].params;

test.each<[string, z.ZodType, unknown, string]>([
  [
    'a word that is none of those',
    createToken,
    { role: 'boss' },
    'role is "boss", not one of tenant-admin, tenant-read',
  ],
  ['one that is missing', createToken, {}, 'role is missing; it is one of tenant-admin, tenant-read'],
  ['a field that is missing', renameGateway, {}, 'name is missing'],
  ['an empty text', renameGateway, { name: '' }, 'name is empty'],
  [
    'a text that is too long',
    renameGateway,
    { name: 'x'.repeat(81) },
    'name has 81 characters, at most 80 is allowed',
  ],
  [
    'a number that is too large',
    createActivationCode,
    { ttlMs: 90_000_000 },
    'ttlMs is 90000000, at most 86400000 is allowed',
  ],
  [
    'a number that is not more than nothing',
    createVolume,
    { volumeId: 'v', path: '/x', sizeBytes: 0 },
    'sizeBytes is 0, more than 0 is allowed',
  ],
  ['half a number', createActivationCode, { ttlMs: 60_000.5 }, 'ttlMs is 60000.5, not a whole number'],
  ['a text for a number', createActivationCode, { ttlMs: '1h' }, 'ttlMs is "1h", not a number'],
  ['a field that there is not', renameGateway, { name: 'a', nick: 1 }, 'there is no "nick" in the body'],
  ['a list', renameGateway, [], 'the body is a list, not an object'],
  ['a literal', z.object({ kind: z.literal('sqs') }), { kind: 'sns' }, 'kind is "sns", not "sqs"'],
  ['a URL', z.object({ queueUrl: z.url() }), { queueUrl: 'x' }, 'queueUrl is "x", not a URL'],
  [
    'what one of several kinds lacks',
    putSubscription,
    { kind: 'sns', queueUrl: 'x' },
    'topicArn is missing; there is no "queueUrl" in the body',
  ],
  [
    'a pattern in its own words',
    createVolume,
    { volumeId: 'v', path: 'x.img' },
    'path is "x.img", not an absolute path',
  ],
  [
    'a pattern without words',
    z.object({ a: z.string().regex(/^b$/) }),
    { a: 'c' },
    'a is "c", not of the form that is allowed',
  ],
  [
    'a place in a list',
    z.object({ a: z.array(z.object({ b: z.number() })) }),
    { a: [{ b: 1 }, {}] },
    'a[1].b is missing',
  ],
  [
    'no alternative',
    z.object({ a: z.union([z.number(), z.boolean()]) }),
    { a: 'x' },
    'a is "x", which is not of a kind that is allowed',
  ],
])('tells %s', (_, schema, input, sentence) => {
  expect(said(schema, input)).toBe(sentence);
});

test('tells three faults at most, on one line, and cuts what was given', () => {
  const schema = z.object(Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [name, z.number()])));
  const text = said(schema, { a: `${'x'.repeat(99)}`, b: '1\n2' });
  expect(text).toBe(`a is "${'x'.repeat(60)}…", not a number; b is "1 2", not a number; c is missing`);
});
