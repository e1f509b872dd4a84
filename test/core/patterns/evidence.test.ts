import { isSamePattern, namesOf } from '../../../core/patterns/evidence.ts';

const twin = { attribute: 'kernel', value: '6.9', jaccard: 0.7 };
const rival = { attribute: 'diskFirmware', value: 'f6', jaccard: 0.69 };
const pattern = {
  conditionId: 'FsFull',
  attribute: 'diskModel',
  value: 'm6',
  indistinguishable: [twin, rival],
};

test('alerts are explained by a pattern’s value and by those that nearly the same gateways carry, no others', () => {
  const names = namesOf(pattern).map(({ attribute }) => attribute);
  expect(names).toEqual(['diskModel', 'kernel']);
});

test.each([
  [twin, true],
  [rival, true],
  [{ attribute: 'diskFirmware', value: 'f7' }, false],
])('a pattern that is named by %j after it is the same one: %j', ({ attribute, value }, isSame) => {
  const later = { ...pattern, attribute, value, indistinguishable: [] };
  expect([isSamePattern(pattern, later), isSamePattern(later, pattern)]).toEqual([isSame, isSame]);
});
