import { FleetDayBuilder } from '../../../core/design-report/fleet-day.ts';
import { wholeFleetDay } from '../../../core/design-report/whole-fleet-day.ts';
import { attributeNames } from '../../../core/patterns/attributes.ts';

const day = 20_000;
const builder = new FleetDayBuilder(day);
for (let i = 0; i < 3; i++)
  builder.add(
    { gatewayId: `gw-${i}`, tenantId: `t-${i}` },
    attributeNames.map((name) => (name === 'agentVersion' ? `1.${i}` : undefined)),
    [
      { conditionId: 'Offline', since: day * 86_400_000 + 5, isNow: true },
      { conditionId: 'DiskFailed', since: 5, isNow: true },
    ],
  );
const fleet = builder.build();
const stored = (over: object): unknown => JSON.parse(JSON.stringify({ ...fleet, ...over }));

test('a day is read as it was stored, also an empty one', () => {
  expect(wholeFleetDay(stored({}), day)).toEqual(fleet);
  const empty = new FleetDayBuilder(day).build();
  expect(wholeFleetDay(JSON.parse(JSON.stringify(empty)), day)).toEqual(empty);
});

test.each(Object.keys(fleet))('a day without its %s is refused, and the field is named', (name) => {
  for (const value of [undefined, null, 7, 'text'])
    expect(() => wholeFleetDay(stored({ [name]: value }), day)).toThrow(`field ${name} is not`);
});

const others = fleet.columns.slice(1);
const rows = (row: unknown) => ({ Offline: [row] });
test.each<[string, object]>([
  ['day', { day: day + 1 }],
  ['attributes', { attributes: Array.from({ length: 65 }, () => 'os') }],
  ['values', { values: fleet.values.slice(1) }],
  ['values', { values: fleet.values.map(() => ['known']) }],
  ['values', { values: fleet.values.map(() => Array.from({ length: 1_002 }, () => '')) }],
  ['gatewayIds', { gatewayIds: ['gw-0', 7, 'gw-2'] }],
  ['customers', { customers: [null] }],
  ['customerOf', { customerOf: [0, 1] }],
  ['customerOf', { customerOf: [0, 1, 3] }],
  ['columns', { columns: others }],
  ['columns', { columns: [[1, 2, 4], ...others] }],
  ['columns', { columns: [[1, 2, -1], ...others] }],
  ['columns', { columns: [[1, 2, 0.5], ...others] }],
  ['onsets', { onsets: rows(3) }],
  ['onsets', { onsets: { Offline: 1 } }],
  ['onsets', { onsets: { Offline: [0, 0, 0, 0] } }],
  ['onsets', { onsets: Object.fromEntries(Array.from({ length: 257 }, (_, i) => [`c${i}`, []])) }],
  ['standing', { standing: rows('0') }],
  ['left', { left: { colour: 1 } }],
  ['left', { left: { os: -1 } }],
])('a day whose %s does not fit the rest is refused: %#', (name, over) => {
  expect(() => wholeFleetDay(stored(over), day)).toThrow(`field ${name} is not`);
});
