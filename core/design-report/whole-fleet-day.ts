import { HoldfastError } from '../errors.ts';
import { valuesMax, type FleetDay } from './fleet-day.ts';

/**
 * The longest JSON of a day that is read: 80 to 220 bytes for each gateway, of several times as many as one report can be
 * made of. Many times as much memory is needed to parse what is made to need it.
 */
export const fleetDayBytesMax = 64 * 1024 * 1024;

const attributesMax = 64;
/** There were and will be others than there are now. */
const conditionsMax = 256;

/**
 * What was stored as the day. Throws CORRUPT, which names the field that is not as `FleetDayBuilder` makes it. Without a
 * schema: these are millions of numbers.
 */
export function wholeFleetDay(value: unknown, day: number): FleetDay {
  const found = damageOf(isRecord(value) ? value : {}, day);
  if (found === undefined) return value as FleetDay;
  throw new HoldfastError('CORRUPT', `the stored day’s field ${found} is not what it must be`);
}

type Unknown = Readonly<Record<string, unknown>>;

function damageOf(fleet: Unknown, day: number): keyof FleetDay | undefined {
  if (fleet['day'] !== day) return 'day';
  const { attributes, values, columns, customers, customerOf, gatewayIds, onsets, standing, left } = fleet;
  if (!areTexts(attributes) || attributes.length > attributesMax) return 'attributes';
  if (!isOfEach(attributes, values) || !values.every(areValues)) return 'values';
  if (!areTexts(gatewayIds)) return 'gatewayIds';
  if (!areTexts(customers)) return 'customers';
  const isColumn = (column: unknown, names: readonly string[]): boolean =>
    isOfEach(gatewayIds, column) && areBelow(column, names.length);
  if (!isColumn(customerOf, customers)) return 'customerOf';
  if (!isOfEach(attributes, columns) || !columns.every((column, a) => isColumn(column, values[a]!)))
    return 'columns';
  if (!areMet(onsets, gatewayIds.length)) return 'onsets';
  if (!areMet(standing, gatewayIds.length)) return 'standing';
  return areLeft(left, attributes) ? undefined : 'left';
}

const isRecord = (value: unknown): value is Unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;
const areTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((one) => typeof one === 'string');
const areValues = (value: unknown): value is string[] =>
  areTexts(value) && value.length <= valuesMax + 1 && value[0] === '';
const isOfEach = (of: readonly unknown[], value: unknown): value is unknown[] =>
  Array.isArray(value) && value.length === of.length;
const areBelow = (numbers: readonly unknown[], end: number): boolean =>
  numbers.every((one) => isCount(one) && Number(one) < end);

const areMet = (value: unknown, gateways: number): boolean =>
  isRecord(value) &&
  Object.keys(value).length <= conditionsMax &&
  Object.values(value).every(
    (rows) => Array.isArray(rows) && rows.length <= gateways && areBelow(rows, gateways),
  );

const areLeft = (value: unknown, attributes: readonly string[]): boolean =>
  isRecord(value) &&
  Object.entries(value).every(([name, count]) => attributes.includes(name) && isCount(count));
