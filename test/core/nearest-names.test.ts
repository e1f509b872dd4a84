import { conditionIds } from '../../core/conditions/conditions.ts';
import { didYouMean, nearestNames } from '../../core/nearest-names.ts';

const names = conditionIds;

test.each([
  ['VolumeIrrecovrable', 'VolumeIrrecoverable'],
  ['volumeirrecoverable', 'VolumeIrrecoverable'],
  ['Oflfine', 'Offline'],
  ['UploadStaled', 'UploadStalled'],
])('who types %s is asked for %s first', (given, meant) => {
  expect(nearestNames(given, names)[0]).toBe(meant);
});

test('a part of a name is enough, and no more than three are named', () => {
  expect(nearestNames('irrecover', names)).toEqual(['VolumeIrrecoverable']);
  expect(nearestNames('upload', names)).toHaveLength(3);
});

test('where nothing is near, what else to do is said instead', () => {
  expect(didYouMean('x'.repeat(10_000), names, 'see the list')).toBe('see the list');
  expect(didYouMean('foo', ['Offline'], 'see the list')).toBe('see the list');
  expect(didYouMean('', names, 'see the list')).toBe('see the list');
  expect(didYouMean('Ofline', ['Offline'], 'see the list')).toBe('did you mean Offline?');
});
