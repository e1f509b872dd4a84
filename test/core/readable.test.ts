import { bytesText, durationText, percentText, timeText } from '../../core/readable.ts';

test('sizes have a binary unit and one decimal', () => {
  expect([0, 1023, 1536, 150 * 2 ** 20, 3.25 * 2 ** 40, 2 ** 52].map(bytesText)).toEqual([
    '0 B',
    '1023 B',
    '1.5 KiB',
    '150.0 MiB',
    '3.3 TiB',
    '4096.0 TiB',
  ]);
});

test('durations have a second unit where the first is below ten', () => {
  const seconds = [0, 59.4, 60, 65, 599, 600, 719, 3_600, 11_400, 36_000, 90_000, 864_000];
  expect(seconds.map((each) => durationText(each * 1_000))).toEqual([
    '0s',
    '59s',
    '1m',
    '1m 5s',
    '9m 59s',
    '10m',
    '11m',
    '1h',
    '3h 10m',
    '10h',
    '1d 1h',
    '10d',
  ]);
  expect(durationText(-4_000)).toBe('4s');
});

test('times are in UTC to the second, shares in whole percent below the whole', () => {
  expect([timeText(1_763_806_536_789), timeText(undefined)]).toEqual(['2025-11-22 10:15:36Z', '-']);
  expect([0, 0.426, 0.999, 1, 1.2].map(percentText)).toEqual(['0 %', '42 %', '99 %', '100 %', '100 %']);
});
